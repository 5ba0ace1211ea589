namespace Serving.Kubernetes.Yaml;

/// <summary>A node of a YAML document.</summary>
/// <param name="Weight">The number of nodes in it, where those behind aliases count each time.</param>
public abstract record YamlValue(int Weight);

/// <summary>A scalar.</summary>
/// <param name="Text">Its text.</param>
/// <param name="IsPlain">Whether its type follows from its spelling: it is neither quoted nor tagged as a string.</param>
public sealed record YamlScalar(string Text, bool IsPlain) : YamlValue(1);

/// <summary>A sequence.</summary>
public sealed record YamlList(IReadOnlyList<YamlValue> Items, int Weight) : YamlValue(Weight);

/// <summary>A mapping with unique keys.</summary>
public sealed record YamlMap(IReadOnlyList<(string Key, YamlValue Value)> Entries, int Weight) : YamlValue(Weight);
