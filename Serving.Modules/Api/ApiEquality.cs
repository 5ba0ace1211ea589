using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Api.GoTypes;

namespace Serving.Api;

/// <summary>Semantic comparison of documents. Records compare lists and maps by reference, so their own equality is unsuitable.</summary>
public static class ApiEquality
{
    [ThreadStatic]
    private static DocumentBuffer? _left;

    [ThreadStatic]
    private static DocumentBuffer? _right;

    /// <summary>Whether both serialize to the same document, regardless of the order of fields.</summary>
    public static bool Same<T>(T? left, T? right)
        where T : class => ReferenceEquals(left, right) || (left is not null && right is not null && SameDocument(left, right));

    /// <summary>Whether both specifications are equivalent in Kubernetes: however quantities are written, and whether or not empty values
    /// are.</summary>
    public static bool MeanSame<T>(T left, T right)
        where T : class => GoEquality.Same(ToElement(left), ToElement(right), GoTypeTable.Struct(typeof(T).Name));

    /// <summary>Whether <paramref name="actual"/> contains everything in <paramref name="wanted"/>: defaults added by the server are no
    /// difference.</summary>
    public static bool Covers<T>(T actual, T wanted)
        where T : class => Covers(ToElement(actual), ToElement(wanted));

    /// <summary>Whether <paramref name="actual"/> contains every pair of <paramref name="wanted"/>.</summary>
    public static bool Covers(IReadOnlyDictionary<string, string> actual, IReadOnlyDictionary<string, string> wanted)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(wanted);
        return wanted.All(pair => actual.TryGetValue(pair.Key, out var value) && value == pair.Value);
    }

    /// <summary>Nearly all comparisons find no difference, and then the bytes are the same: only other bytes are parsed.</summary>
    private static bool SameDocument<T>(T left, T right)
    {
        var (one, other) = (_left ??= new DocumentBuffer(), _right ??= new DocumentBuffer());
        try
        {
            var (bytes, others) = (one.Write(left), other.Write(right));
            if (bytes.Span.SequenceEqual(others.Span))
            {
                return true;
            }

            using var document = JsonDocument.Parse(bytes);
            using var otherDocument = JsonDocument.Parse(others);
            return JsonElement.DeepEquals(document.RootElement, otherDocument.RootElement);
        }
        finally
        {
            one.Clear();
            other.Clear();
        }
    }

    internal static JsonElement ToElement<T>(T value) =>
        JsonSerializer.SerializeToElement(value, (JsonTypeInfo<T>)ApiJson.Default.Options.GetTypeInfo(typeof(T)));

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
