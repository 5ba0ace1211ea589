using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Serving.Api.Validation;

/// <summary>Compares documents by what they say. Records compare lists and maps by reference, so their own equality does not serve.</summary>
public static class ApiEquality
{
    /// <summary>Whether both would be written alike.</summary>
    public static bool Same<T>(T? left, T? right)
        where T : class
        => ReferenceEquals(left, right)
        || (left is not null && right is not null && JsonElement.DeepEquals(ToElement(left), ToElement(right)));

    internal static JsonElement ToElement<T>(T value) => JsonSerializer.SerializeToElement(value, (JsonTypeInfo<T>)ApiJson.Default.Options.GetTypeInfo(typeof(T)));
}
