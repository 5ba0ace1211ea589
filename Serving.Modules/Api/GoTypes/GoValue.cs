using System.Text.Json;
using Serving.Api.Core;

namespace Serving.Api.GoTypes;

/// <summary>The members of documents as Go holds them: what is null was not written, and what was not written is the zero of its type.</summary>
internal static class GoValue
{
    /// <summary>What a field holds; null when it was not written.</summary>
    public static JsonElement? Of(GoField field, JsonElement? value) => field.Json.Length == 0 ? value : Member(value, field.Json);

    /// <summary>A member of an object or an entry of a map; null when it was not written.</summary>
    public static JsonElement? Member(JsonElement? value, string name)
        => value is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null
            ? member
            : null;

    /// <summary>The amount that stands there.</summary>
    public static Quantity Amount(JsonElement? value)
        => value is not { } element ? "0" : element.ValueKind == JsonValueKind.String ? new(element.GetString()!.Trim()) : new(element.GetRawText());
}
