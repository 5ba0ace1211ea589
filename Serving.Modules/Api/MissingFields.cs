using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Serving.Api;

/// <summary>
/// Removes required fields that a client omitted: <see cref="ApiJson"/> writes them whatever their value, which during admission would hide
/// from the API server that one is missing. A required field that is present but empty is kept.
/// </summary>
public static class MissingFields
{
    /// <summary>Removes from <paramref name="written"/> the empty required fields that <paramref name="original"/> does not have.</summary>
    public static void Remove(JsonNode? written, JsonElement? original, JsonTypeInfo type)
    {
        ArgumentNullException.ThrowIfNull(type);
        switch (written)
        {
            case JsonObject members when type.Kind == JsonTypeInfoKind.Object:
                foreach (var property in type.Properties.Where(property => members.ContainsKey(property.Name)))
                {
                    var given = Member(original, property.Name);
                    if (given is null && ApiJson.IsOnlyRequired(property) && IsEmpty(members[property.Name]))
                    {
                        members.Remove(property.Name);
                    }
                    else
                    {
                        Remove(members[property.Name], given, ApiJson.Default.Options.GetTypeInfo(property.PropertyType));
                    }
                }

                break;
            case JsonObject map when type.Kind == JsonTypeInfoKind.Dictionary:
                foreach (var (name, value) in map)
                {
                    Remove(value, Member(original, name), ApiJson.Default.Options.GetTypeInfo(type.ElementType!));
                }

                break;
            case JsonArray items when type.Kind == JsonTypeInfoKind.Enumerable:
                var entries = original is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().ToList() : [];
                for (var i = 0; i < items.Count; i++)
                {
                    Remove(items[i], i < entries.Count ? entries[i] : null, ApiJson.Default.Options.GetTypeInfo(type.ElementType!));
                }

                break;
        }
    }

    private static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } known && known.TryGetProperty(name, out var found) ? found : null;

    private static bool IsEmpty(JsonNode? value) =>
        value is JsonArray { Count: 0 } || (value?.GetValueKind() == JsonValueKind.String && value.GetValue<string>().Length == 0);
}
