namespace Serving.ConfigMaps;

/// <summary>A node of a YAML document. <paramref name="Weight"/>: the number of nodes in it, where those behind aliases count each time.</summary>
internal abstract record YamlValue(int Weight);

/// <summary>A scalar.</summary>
internal sealed record YamlScalar(string Text) : YamlValue(1);

/// <summary>A sequence.</summary>
internal sealed record YamlList(IReadOnlyList<YamlValue> Items, int Weight) : YamlValue(Weight);

/// <summary>A mapping with unique keys.</summary>
internal sealed record YamlMap(IReadOnlyList<(string Key, YamlValue Value)> Entries, int Weight) : YamlValue(Weight);
