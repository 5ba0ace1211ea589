using System.Text.Json;
using Serving.Api.Core;

namespace Serving.Api.GoTypes;

/// <summary>The members of documents as Go holds them: null is missing, and a missing value is the zero value of its type.</summary>
internal static class GoValue
{
    /// <summary>The value of a field; null if missing.</summary>
    public static JsonElement? Of(GoField field, JsonElement? value) => field.Json.Length == 0 ? value : Member(value, field.Json);

    /// <summary>A member of an object or an entry of a map; null if missing.</summary>
    public static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } element
        && element.TryGetProperty(name, out var member)
        && member.ValueKind != JsonValueKind.Null
            ? member
            : null;

    /// <summary>The quantity in a value.</summary>
    public static Quantity Amount(JsonElement? value) =>
        value is not { } element ? "0"
        : element.ValueKind == JsonValueKind.String ? new(element.GetString()!.Trim())
        : new(element.GetRawText());
}
