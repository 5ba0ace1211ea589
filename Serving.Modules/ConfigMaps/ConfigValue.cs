namespace Serving.ConfigMaps;

/// <summary>A setting in force.</summary>
/// <param name="Key">The key in the ConfigMap.</param>
/// <param name="Value">The value, as parsed.</param>
/// <param name="IsDefault">Whether the ConfigMap does not have the key, so that the default is in force.</param>
public sealed record ConfigValue(string Key, string Value, bool IsDefault);
