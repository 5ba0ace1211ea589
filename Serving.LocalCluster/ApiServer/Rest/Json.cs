using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Reads and writes JSON documents with the settings of this server.</summary>
internal static class Json
{
    /// <summary>The maximum depth of a document.</summary>
    public const int MaxDepth = 128;

    private static readonly JsonWriterOptions Writing = new()
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
        using var document = JsonDocument.Parse(
            utf8,
            new JsonDocumentOptions { MaxDepth = MaxDepth, CommentHandling = JsonCommentHandling.Disallow }
        );
        try
        {
            return Convert(document.RootElement, "", duplicates);
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

    private static JsonNode? Convert(JsonElement element, string path, List<string>? duplicates)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new JsonObject();
                foreach (var property in element.EnumerateObject())
                {
                    var here =
                        duplicates is null ? ""
                        : path.Length == 0 ? property.Name
                        : $"{path}.{property.Name}";
                    if (duplicates is not null && map.ContainsKey(property.Name))
                        duplicates.Add(here);
                    map[property.Name] = Convert(property.Value, here, duplicates);
                }

                return map;
            case JsonValueKind.Array:
                var list = new JsonArray();
                var index = 0;
                foreach (var item in element.EnumerateArray())
                    list.Add(Convert(item, duplicates is null ? "" : $"{path}[{index++}]", duplicates));
                return list;
            case JsonValueKind.String:
                return JsonValue.Create(element.GetString());
            case JsonValueKind.True:
                return JsonValue.Create(true);
            case JsonValueKind.False:
                return JsonValue.Create(false);
            case JsonValueKind.Number:
                return element.TryGetInt64(out var integer) ? JsonValue.Create(integer) : JsonValue.Create(element.GetDouble());
            default:
                return null;
        }
    }
}
