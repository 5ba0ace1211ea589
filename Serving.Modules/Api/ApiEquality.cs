using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Api.GoTypes;

namespace Serving.Api;

/// <summary>Compares documents by what they say. Records compare lists and maps by reference, so their own equality does not serve.</summary>
public static class ApiEquality
{
    /// <summary>Whether both would be written alike, whatever the order of fields.</summary>
    public static bool Same<T>(T? left, T? right)
        where T : class
        => ReferenceEquals(left, right)
        || (left is not null && right is not null && JsonElement.DeepEquals(ToElement(left), ToElement(right)));

    /// <summary>Whether both specifications mean the same to Kubernetes: however amounts are written, and whether or not what is empty is.</summary>
    public static bool MeanSame<T>(T left, T right)
        where T : class
        => GoEquality.Same(ToElement(left), ToElement(right), GoTypeTable.Struct(typeof(T).Name));

    /// <summary>Whether <paramref name="actual"/> says everything that <paramref name="wanted"/> says: the server adds defaults, which do not count as a difference.</summary>
    public static bool Covers<T>(T actual, T wanted)
        where T : class
        => Covers(ToElement(actual), ToElement(wanted));

    /// <summary>Whether <paramref name="actual"/> holds every pair of <paramref name="wanted"/>.</summary>
    public static bool Covers(IReadOnlyDictionary<string, string> actual, IReadOnlyDictionary<string, string> wanted)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(wanted);
        return wanted.All(pair => actual.TryGetValue(pair.Key, out var value) && value == pair.Value);
    }

    internal static JsonElement ToElement<T>(T value) => JsonSerializer.SerializeToElement(value, (JsonTypeInfo<T>)ApiJson.Default.Options.GetTypeInfo(typeof(T)));

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
