namespace Serving.ConfigMaps;

/// <summary>A piece of a YAML document. <paramref name="Weight"/>: how many pieces it and all within it are, those behind aliases counted each time.</summary>
internal abstract record YamlValue(int Weight);

/// <summary>A text.</summary>
internal sealed record YamlScalar(string Text) : YamlValue(1);

/// <summary>A list.</summary>
internal sealed record YamlList(IReadOnlyList<YamlValue> Items, int Weight) : YamlValue(Weight);

/// <summary>A mapping; no two keys are equal.</summary>
internal sealed record YamlMap(IReadOnlyList<(string Key, YamlValue Value)> Entries, int Weight) : YamlValue(Weight);
