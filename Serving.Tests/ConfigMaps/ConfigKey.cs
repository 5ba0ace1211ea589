using Serving.Api.Config;

namespace Serving.Tests.ConfigMaps;

/// <summary>A key of a ConfigMap and its expected behavior.</summary>
/// <param name="Map">The ConfigMap.</param>
/// <param name="Key">The key.</param>
/// <param name="Read">Reads its value from the configuration.</param>
/// <param name="Default">The value when the key is absent.</param>
/// <param name="Text">A value of the key, other than the default.</param>
/// <param name="Parsed">The value for <paramref name="Text"/>.</param>
/// <param name="Bad">A value that must be rejected; null when every value is accepted.</param>
/// <param name="Refusal">The error message, with wildcards.</param>
internal sealed record ConfigKey(
    string Map,
    string Key,
    Func<ConfigSnapshot, object?> Read,
    object? Default,
    string Text,
    object? Parsed,
    string? Bad = null,
    string Refusal = "*"
)
{
    /// <summary>Other keys that this one requires.</summary>
    public IReadOnlyList<(string Key, string Value)> Beside { get; init; } = [];

    public override string ToString() => $"{Map} {Key}";

    /// <summary>The ConfigMap's data with this key and the keys that it requires.</summary>
    public Dictionary<string, string> Data(string? value)
    {
        var data = Required(Map);
        foreach (var (key, text) in Beside)
            data[key] = text;
        if (value is not null)
            data[Key] = value;
        return data;
    }

    /// <summary>The minimal data of a ConfigMap.</summary>
    public static Dictionary<string, string> Required(string map) =>
        map == "config-deployment" ? new(StringComparer.Ordinal) { ["queue-sidecar-image"] = "queue:1" } : new(StringComparer.Ordinal);
}
