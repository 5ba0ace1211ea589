using Serving.Api.Config;

namespace Serving.Tests.ConfigMaps;

/// <summary>One key of a ConfigMap and what is expected of it.</summary>
/// <param name="Map">The ConfigMap.</param>
/// <param name="Key">The key.</param>
/// <param name="Read">Where its value ends up.</param>
/// <param name="Default">What is there when the key is absent.</param>
/// <param name="Text">A value of the key, other than the default.</param>
/// <param name="Parsed">What is there when the key has that value.</param>
/// <param name="Bad">A value that must be refused; null when every value is taken.</param>
/// <param name="Refusal">How it is refused, with wildcards.</param>
internal sealed record ConfigKey(
    string Map, string Key, Func<ConfigSnapshot, object?> Read, object? Default, string Text, object? Parsed, string? Bad = null, string Refusal = "*")
{
    /// <summary>Other keys that must be set for this one to make sense.</summary>
    public IReadOnlyList<(string Key, string Value)> Beside { get; init; } = [];

    public override string ToString() => $"{Map} {Key}";

    /// <summary>The ConfigMap's data with this key set, beside what it needs.</summary>
    public Dictionary<string, string> Data(string? value)
    {
        var data = Required(Map);
        foreach (var (key, text) in Beside) data[key] = text;
        if (value is not null) data[Key] = value;
        return data;
    }

    /// <summary>The least that a ConfigMap must say.</summary>
    public static Dictionary<string, string> Required(string map)
        => map == "config-deployment" ? new(StringComparer.Ordinal) { ["queue-sidecar-image"] = "queue:1" } : new(StringComparer.Ordinal);
}
