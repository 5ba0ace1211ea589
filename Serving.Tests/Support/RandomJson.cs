using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Tests.Support;

/// <summary>Generates random documents of the API's types from a seed: known fields with values of their type, unknown fields, nulls,
/// empty collections, any characters.</summary>
internal sealed class RandomJson(int seed)
{
    private const int MaxDepth = 14;
    private static readonly string[] Characters =
    [
        "a",
        "Z",
        "0",
        "-",
        "/",
        "~",
        "\"",
        "\\",
        "\n",
        "\u0000",
        "\u2028",
        "é",
        "ש",
        "漢",
        "😀",
        "<",
        "&",
        "+",
    ];
    private readonly Random _random = new(seed);

    /// <summary>A document of a type; every field may be present, null or absent.</summary>
    public JsonObject Document(Type type, int depth = 0)
    {
        var document = new JsonObject();
        foreach (var property in ApiJson.Default.Options.GetTypeInfo(type).Properties)
        {
            // A non-nullable number is written as 0, so it is always present.
            var isRequired =
                property.PropertyType.IsValueType
                && Nullable.GetUnderlyingType(property.PropertyType) is null
                && property.PropertyType != typeof(JsonElement);
            if (property.IsExtensionData || property.Set is null || (!isRequired && _random.Next(3) == 0))
            {
                continue;
            }

            document[property.Name] = !isRequired && _random.Next(12) == 0 ? null : Value(property.PropertyType, depth + 1);
        }

        for (var i = _random.Next(3); i > 0; i--)
        {
            document["x" + Text()] = Anything(depth + 1);
        }

        return document;
    }

    /// <summary>Any JSON.</summary>
    public JsonNode? Anything(int depth)
    {
        switch (_random.Next(depth >= MaxDepth ? 5 : 7))
        {
            case 0:
                return null;
            case 1:
                return _random.Next(2) == 0;
            case 2:
                return _random.NextInt64();
            case 3:
                return Math.Round(_random.NextDouble(), 6);
            case 4:
                return Text();
            case 5:
                return new JsonArray([.. Enumerable.Range(0, _random.Next(3)).Select(_ => Anything(depth + 1))]);
            default:
                var map = new JsonObject();
                for (var i = _random.Next(3); i > 0; i--)
                {
                    map[Text()] = Anything(depth + 1);
                }

                return map;
        }
    }

    private string Text() => string.Concat(Enumerable.Range(0, _random.Next(6)).Select(_ => Characters[_random.Next(Characters.Length)]));

    private JsonNode? Value(Type type, int depth)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return Text();
        if (type == typeof(bool))
            return _random.Next(2) == 0;
        if (type == typeof(int))
            return _random.Next();
        if (type == typeof(long))
            return _random.NextInt64();
        if (type == typeof(double))
            return Math.Round(_random.NextDouble(), 6);
        if (type == typeof(Quantity))
            return _random.Next(1000).ToString(CultureInfo.InvariantCulture) + "m";
        if (type == typeof(IntOrString))
            return _random.Next(2) == 0 ? _random.Next() : Text();
        if (type == typeof(DateTimeOffset))
            return DateTimeOffset
                .UnixEpoch.AddSeconds(_random.Next())
                .UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        if (type == typeof(JsonElement))
            return Anything(depth);
        if (type.IsEnum)
            return Enum.GetNames(type)[_random.Next(Enum.GetNames(type).Length)];
        var info = ApiJson.Default.Options.GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Enumerable => new JsonArray([
                .. Enumerable.Range(0, depth >= MaxDepth ? 0 : _random.Next(3)).Select(_ => Value(info.ElementType!, depth + 1) ?? Text()),
            ]),
            JsonTypeInfoKind.Dictionary => Map(info.ElementType!, depth),
            JsonTypeInfoKind.Object => depth >= MaxDepth ? new JsonObject() : Document(type, depth),
            _ => throw new InvalidOperationException($"{type} is not known here"),
        };
    }

    private JsonObject Map(Type element, int depth)
    {
        var map = new JsonObject();
        for (var i = _random.Next(3); i > 0; i--)
        {
            map["k" + Text()] = Value(element, depth + 1);
        }

        return map;
    }
}
