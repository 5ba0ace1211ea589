using System.Text.Json;

namespace Serving.Api.Validation;

/// <summary>Finds fields that are set but not allowed for users.</summary>
internal static class FieldMask
{
    /// <summary>Fields that count as set when they are false or 0, because these are meaningful there.</summary>
    private static readonly HashSet<string> Choices = new(StringComparer.Ordinal)
    {
        "shareProcessNamespace",
        "automountServiceAccountToken",
        "hostUsers",
        "setHostnameAsFQDN",
        "privileged",
        "priority",
        "terminationGracePeriodSeconds",
        "activeDeadlineSeconds",
    };

    /// <summary><c>must not set the field(s)</c> for every field of <paramref name="value"/> that is set and not in
    /// <paramref name="allowed"/>.</summary>
    public static FieldError Check<T>(T? value, params IEnumerable<string> allowed)
        where T : class
    {
        if (value is null)
        {
            return FieldError.None;
        }

        var open = allowed.ToHashSet(StringComparer.Ordinal);
        string[] refused = [.. SetFields(value).Where(f => !open.Contains(f)).Order(StringComparer.Ordinal)];
        return refused.Length == 0 ? FieldError.None : FieldError.Disallowed(refused);
    }

    /// <summary>The names of the fields that are set.</summary>
    public static IEnumerable<string> SetFields<T>(T value)
        where T : class => ApiEquality.ToElement(value).EnumerateObject().Where(IsSet).Select(p => p.Name);

    private static bool IsSet(JsonProperty property) =>
        property.Value.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => false,
            JsonValueKind.False => Choices.Contains(property.Name),
            JsonValueKind.String => property.Value.GetString()!.Length > 0,
            JsonValueKind.Number => property.Value.GetRawText() != "0" || Choices.Contains(property.Name),
            JsonValueKind.Array => property.Value.GetArrayLength() > 0,
            _ => true,
        };
}
