namespace Serving.ConfigMaps;

/// <summary>A ConfigMap as the process uses it, for display.</summary>
/// <param name="Name">The name.</param>
/// <param name="Exists">Whether the process has read it; otherwise all values are defaults.</param>
/// <param name="Rejection">Why its newest version is not in force; null when it is.</param>
/// <param name="Values">The settings in force.</param>
public sealed record ConfigMapState(string Name, bool Exists, string? Rejection, IReadOnlyList<ConfigValue> Values);
