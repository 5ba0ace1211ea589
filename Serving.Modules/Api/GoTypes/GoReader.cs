using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Api.GoTypes;

/// <summary>
/// Decodes documents as strictly as Go decodes them into its types, and normalizes them to what Go would write: quantities in canonical
/// form. Unknown members are ignored and kept.
/// </summary>
public static class GoReader
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 256 };

    /// <summary>
    /// Returns a document of the given kind as Go writes it back. Throws <see cref="JsonException"/> when a member does not fit its type.
    /// </summary>
    public static JsonElement Read(JsonElement value, string kind) =>
        Changed(value, GoTypeTable.Struct(kind), new("", "")) is { } changed ? JsonElement.Parse(changed.ToJsonString(), Deep) : value;

    // The replacement of a value; null to keep it.
    private static JsonNode? Changed(JsonElement value, GoType type, Place place)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        switch (type.Kind)
        {
            case GoKind.Pointer:
                return Changed(value, type.Element!, place);
            case GoKind.Struct:
                Expect(value.ValueKind == JsonValueKind.Object, value, type, place);
                return OfStruct(value, type, place);
            case GoKind.Map:
                Expect(value.ValueKind == JsonValueKind.Object, value, type, place);
                return Rewritten(value, value.EnumerateObject().Select(m => (m.Name, Changed(m.Value, type.Element!, place))));
            case GoKind.List:
                Expect(value.ValueKind == JsonValueKind.Array, value, type, place);
                return OfList(value, type, place);
            case GoKind.String or GoKind.Time:
                Expect(value.ValueKind == JsonValueKind.String, value, type, place);
                return null;
            case GoKind.Bool:
                Expect(value.ValueKind is JsonValueKind.True or JsonValueKind.False, value, type, place);
                return null;
            case GoKind.Int32:
                Expect(value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _), value, type, place);
                return null;
            case GoKind.Int64:
                Expect(value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _), value, type, place);
                return null;
            case GoKind.IntOrString:
                Expect(
                    value.ValueKind == JsonValueKind.String || (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _)),
                    value,
                    type,
                    place
                );
                return null;
            case GoKind.Quantity:
                return OfQuantity(value);
            default:
                return null;
        }
    }

    private static JsonNode? OfStruct(JsonElement value, GoType type, Place place) =>
        Rewritten(
            value,
            type.Members.Values.Select(field =>
                (
                    field.Json,
                    GoValue.Member(value, field.Json) is { } member ? Changed(member, field.Type, place.In(type, field))
                    : field.IsAlwaysWritten ? Zero(field.Type)
                    : null
                )
            )
        );

    private static JsonNode Zero(GoType type) => type.Kind == GoKind.Quantity ? JsonValue.Create("0") : new JsonObject();

    private static JsonObject? Rewritten(JsonElement value, IEnumerable<(string Name, JsonNode? Changed)> members)
    {
        JsonObject? result = null;
        foreach (var (name, changed) in members)
        {
            if (changed is not null)
            {
                result ??= JsonObject.Create(value)!;
                result[name] = changed;
            }
        }

        return result;
    }

    private static JsonArray? OfList(JsonElement value, GoType type, Place place)
    {
        JsonArray? result = null;

        // Enumerated: looking up an entry by index is linear.
        var i = 0;
        foreach (var entry in value.EnumerateArray())
        {
            if (Changed(entry, type.Element!, place) is { } changed)
            {
                result ??= JsonArray.Create(value)!;
                result[i] = changed;
            }

            i++;
        }

        return result;
    }

    private static JsonValue? OfQuantity(JsonElement value)
    {
        var quantity = GoValue.Amount(value);
        if (quantity.Refusal is { } refusal)
        {
            throw new JsonException(refusal);
        }

        var canonical = quantity.ToCanonical().Text;
        return value.ValueKind == JsonValueKind.String && value.ValueEquals(canonical) ? null : JsonValue.Create(canonical);
    }

    private static void Expect(bool isSo, JsonElement value, GoType type, Place place)
    {
        if (!isSo)
        {
            throw new JsonException($"json: cannot unmarshal {Describe(value)} into Go {place}of type {type.Name}");
        }
    }

    private static string Describe(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.Number => $"number {value.GetRawText()}",
            _ => "bool",
        };

    // The position in the document as Go's decoder reports it: the current struct and the path of the field, without indices.
    private readonly record struct Place(string Struct, string Path)
    {
        public Place In(GoType type, GoField field) =>
            new(
                type.Name[(type.Name.IndexOf('.', StringComparison.Ordinal) + 1)..],
                Path.Length == 0 ? field.Json : $"{Path}.{field.Json}"
            );

        public override string ToString() => Path.Length == 0 ? "value " : $"struct field {Struct}.{Path} ";
    }
}
