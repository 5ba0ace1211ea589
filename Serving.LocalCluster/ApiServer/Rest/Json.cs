using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Reads and writes JSON documents with the settings of this server.</summary>
internal static class Json
{
    /// <summary>The maximum depth of a document.</summary>
    public const int MaxDepth = 128;

    /// <summary>How documents are written.</summary>
    public static readonly JsonWriterOptions Writing = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
        MaxDepth = 1000,
    };

    private static readonly JsonSerializerOptions TextOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 1000,
    };

    /// <summary>Parses a document that may have duplicate properties: the last one wins; returns the duplicates.</summary>
    public static JsonNode? Parse(ReadOnlyMemory<byte> utf8, List<string>? duplicates = null)
    {
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            var value = Read(ref reader, "", duplicates);
            // Reports what follows the value.
            reader.Read();
            return value;
        }
        catch (InvalidOperationException exception)
        {
            // An unpaired surrogate, or invalid UTF-8: the parser validates strings only when they are read.
            throw new JsonException($"a string is not valid Unicode: {exception.Message}", exception);
        }
    }

    /// <summary>Parses JSON that this server wrote.</summary>
    public static JsonObject ParseOwn(ReadOnlyMemory<byte> utf8) => (JsonObject)Parse(utf8)!;

    /// <summary>Serializes a document to UTF-8.</summary>
    public static byte[] Bytes(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Writing))
            node.WriteTo(writer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Serializes a document to a string.</summary>
    public static string Text(JsonNode node) => node.ToJsonString(TextOptions);

    /// <summary>The string at a path of property names, or null.</summary>
    public static string? String(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>The whole number at a path, or null.</summary>
    public static long? Integer(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : null;

    /// <summary>Whether the value at a path is true.</summary>
    public static bool True(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.True;

    /// <summary>The object at a path, or null.</summary>
    public static JsonObject? Object(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) as JsonObject;

    /// <summary>The array at a path, or null.</summary>
    public static JsonArray? Array(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) as JsonArray;

    /// <summary>The node at a path of property names, or null.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var step in path)
        {
            if (node is not JsonObject map || !map.TryGetPropertyValue(step, out node))
                return null;
        }

        return node;
    }

    /// <summary>The object under a name, created if it does not exist.</summary>
    public static JsonObject Child(this JsonObject map, string name)
    {
        if (map[name] is JsonObject child)
            return child;
        child = [];
        map[name] = child;
        return child;
    }

    /// <summary>Sets a property that is missing or null.</summary>
    public static void Default(this JsonObject map, string name, JsonNode value)
    {
        if (map[name] is null)
            map[name] = value;
    }

    /// <summary>The value of an integer, in any notation.</summary>
    public static bool TryGetInt64(this JsonValue value, out long number)
    {
        if (value.TryGetValue(out number))
            return true;
        if (value.TryGetValue<int>(out var small))
        {
            number = small;
            return true;
        }

        if (value.TryGetValue<double>(out var real) && Math.Floor(real) == real && Math.Abs(real) < 9e15)
        {
            number = (long)real;
            return true;
        }

        return false;
    }

    /// <summary>The number as a double.</summary>
    public static double Number(this JsonValue value) =>
        double.Parse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <summary>Formats a time as in metadata.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Reads the value that the reader is at, without a document in between.</summary>
    private static JsonNode? Read(ref Utf8JsonReader reader, string path, List<string>? duplicates)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var map = new JsonObject();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = NameOf(ref reader);
                    var here =
                        duplicates is null ? ""
                        : path.Length == 0 ? name
                        : $"{path}.{name}";
                    if (duplicates is not null && map.ContainsKey(name))
                        duplicates.Add(here);
                    reader.Read();
                    map[name] = Read(ref reader, here, duplicates);
                }

                return map;
            case JsonTokenType.StartArray:
                var list = new JsonArray();
                var index = 0;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    list.Add(Read(ref reader, duplicates is null ? "" : $"{path}[{index++}]", duplicates));
                return list;
            case JsonTokenType.String:
                return JsonValue.Create(reader.GetString());
            case JsonTokenType.True:
                return JsonValue.Create(true);
            case JsonTokenType.False:
                return JsonValue.Create(false);
            case JsonTokenType.Number:
                return reader.TryGetInt64(out var integer) ? JsonValue.Create(integer) : JsonValue.Create(reader.GetDouble());
            default:
                return null;
        }
    }

    /// <summary>The name of a property; documents share the instances of names that repeat.</summary>
    private static string NameOf(ref Utf8JsonReader reader) =>
        (reader.ValueIsEscaped || reader.HasValueSequence ? null : StringPool.Find(reader.ValueSpan)) ?? reader.GetString()!;
}
