using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Serving.Controller.Common;

/// <summary>Compares API documents by what would be written, because records compare collections by reference.</summary>
internal static class ApiEquality
{
    /// <summary>Whether both would be written the same, whatever the order of fields.</summary>
    public static bool Same<T>(JsonTypeInfo<T> json, T a, T b)
        => ReferenceEquals(a, b) || JsonElement.DeepEquals(JsonSerializer.SerializeToElement(a, json), JsonSerializer.SerializeToElement(b, json));

    /// <summary>Whether two maps hold the same pairs.</summary>
    public static bool Same(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) => a.Count == b.Count && Covers(a, b);

    /// <summary>Whether <paramref name="actual"/> holds every pair of <paramref name="wanted"/>.</summary>
    public static bool Covers(IReadOnlyDictionary<string, string> actual, IReadOnlyDictionary<string, string> wanted)
        => wanted.All(pair => actual.TryGetValue(pair.Key, out var value) && value == pair.Value);

    /// <summary>Whether <paramref name="actual"/> says everything that <paramref name="wanted"/> says: the server adds defaults, which do not count as a difference.</summary>
    public static bool Covers<T>(JsonTypeInfo<T> json, T actual, T wanted)
        => Covers(JsonSerializer.SerializeToElement(actual, json), JsonSerializer.SerializeToElement(wanted, json));

    private static bool Covers(JsonElement actual, JsonElement wanted)
    {
        if (wanted.ValueKind != actual.ValueKind)
        {
            return false;
        }

        switch (wanted.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in wanted.EnumerateObject())
                {
                    if (!actual.TryGetProperty(property.Name, out var value) || !Covers(value, property.Value))
                    {
                        return false;
                    }
                }

                return true;
            case JsonValueKind.Array:
                return actual.GetArrayLength() == wanted.GetArrayLength()
                    && actual.EnumerateArray().Zip(wanted.EnumerateArray()).All(pair => Covers(pair.First, pair.Second));
            default:
                return JsonElement.DeepEquals(actual, wanted);
        }
    }
}
