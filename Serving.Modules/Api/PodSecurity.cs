using System.Text.Json;

namespace Serving.Api;

/// <summary>Reads the pod's security context, which is kept as JSON because only three of its fields are used.</summary>
internal static class PodSecurity
{
    /// <summary>The type of the seccomp profile, empty if not set.</summary>
    public static string SeccompType(JsonElement? context) =>
        Member(context, "seccompProfile") is { } profile && Member(profile, "type") is { ValueKind: JsonValueKind.String } type
            ? type.GetString()!
            : "";

    /// <summary>Whether a seccomp profile is set.</summary>
    public static bool HasSeccompProfile(JsonElement? context) => Member(context, "seccompProfile") is { ValueKind: JsonValueKind.Object };

    /// <summary><c>runAsNonRoot</c>, null if not set.</summary>
    public static bool? RunAsNonRoot(JsonElement? context) =>
        Member(context, "runAsNonRoot") is { } value
            ? value.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                _ => null,
            }
            : null;

    /// <summary>A member of an object, null when it is absent or null.</summary>
    public static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } element
        && element.TryGetProperty(name, out var member)
        && member.ValueKind != JsonValueKind.Null
            ? member
            : null;
}
