using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Serving.ConfigMaps;

/// <summary>Reads the small YAML documents that some keys hold. Throws <see cref="FormatException"/>.</summary>
internal static class YamlText
{
    /// <summary>The entries of a document that is a mapping; none when it is empty.</summary>
    public static IEnumerable<(string Key, YamlNode Value)> Map(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException wrong)
        {
            throw new FormatException($"yaml: line {wrong.Start.Line}: {wrong.Message}", wrong);
        }

        return stream.Documents.Count == 0 ? [] : Entries(stream.Documents[0].RootNode);
    }

    /// <summary>The entries of a mapping; none of a null.</summary>
    public static IEnumerable<(string Key, YamlNode Value)> Entries(YamlNode node) => node switch
    {
        YamlMappingNode map => map.Children.Select(child => (Scalar(child.Key), child.Value)),
        YamlScalarNode { Value: null or "" or "null" or "~" } => [],
        _ => throw new FormatException("cannot unmarshal " + (node is YamlSequenceNode ? "array" : "string") + " into a mapping"),
    };

    /// <summary>The string map under <paramref name="key"/> of a mapping; empty when there is none.</summary>
    public static IReadOnlyDictionary<string, string> Strings(YamlNode node, string key)
        => Entries(node).Where(e => e.Key == key).SelectMany(e => Entries(e.Value))
            .ToDictionary(e => e.Key, e => Scalar(e.Value), StringComparer.Ordinal);

    public static string Scalar(YamlNode node) => node is YamlScalarNode scalar
        ? scalar.Value ?? ""
        : throw new FormatException("cannot unmarshal a collection into a string");

    public static IEnumerable<YamlNode> Items(YamlNode node) => node is YamlSequenceNode list
        ? list.Children
        : throw new FormatException("cannot unmarshal a value into an array");
}
