using Serving.Kubernetes.Yaml;

namespace Serving.ConfigMaps;

/// <summary>Parses the small YAML documents in some keys. Throws <see cref="FormatException"/>.</summary>
internal static class YamlText
{
    /// <summary>Maximum number of nodes in a document, where those behind aliases count each time.</summary>
    internal const int MostPieces = 50_000;

    /// <summary>The entries of a document that is a mapping; none when it is empty. Keys are unique.</summary>
    public static IReadOnlyList<(string Key, YamlValue Value)> Map(string text) => Read(text) is { } root ? Entries(root) : [];

    /// <summary>The items of a document that is a list; none when it is empty.</summary>
    public static IReadOnlyList<YamlValue> List(string text) =>
        Read(text) switch
        {
            null or YamlScalar { Text: "" or "null" or "~" } => [],
            YamlMap => throw new FormatException("cannot unmarshal object into an array"),
            var root => Items(root),
        };

    /// <summary>The entries of a mapping; none for null.</summary>
    public static IReadOnlyList<(string Key, YamlValue Value)> Entries(YamlValue node) =>
        node switch
        {
            YamlMap map => map.Entries,
            YamlScalar { Text: "" or "null" or "~" } => [],
            _ => throw new FormatException("cannot unmarshal " + (node is YamlList ? "array" : "string") + " into a mapping"),
        };

    private static YamlValue? Read(string text)
    {
        try
        {
            return YamlReader.ReadFirst(text, MostPieces);
        }
        catch (FormatException wrong)
        {
            throw new FormatException($"yaml: {wrong.Message}", wrong);
        }
    }

    /// <summary>The string map under <paramref name="key"/> of a mapping; empty if it is missing.</summary>
    public static IReadOnlyDictionary<string, string> Strings(IEnumerable<(string Key, YamlValue Value)> entries, string key) =>
        entries
            .Where(e => e.Key == key)
            .SelectMany(e => Entries(e.Value))
            .ToDictionary(e => e.Key, e => Scalar(e.Value), StringComparer.Ordinal);

    public static string Scalar(YamlValue node) =>
        node is YamlScalar scalar ? scalar.Text : throw new FormatException("cannot unmarshal a collection into a string");

    public static IReadOnlyList<YamlValue> Items(YamlValue node) =>
        node is YamlList list ? list.Items : throw new FormatException("cannot unmarshal a value into an array");
}
