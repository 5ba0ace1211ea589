using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Serving.ConfigMaps;

/// <summary>
/// Builds a tree from the events of a YAML document. Invariant: depth and size of the tree are bounded whatever the text, so consumers need no
/// bounds of their own: an alias within its own anchor, too many levels, too many nodes (those behind aliases count each time they are
/// used) and duplicate keys are rejected. Throws <see cref="FormatException"/>.
/// </summary>
internal sealed class YamlReader
{
    /// <summary>Maximum number of levels.</summary>
    internal const int MostLevels = 100;

    /// <summary>Maximum number of nodes in a document.</summary>
    internal const int MostPieces = 50_000;

    private readonly Parser parser;
    private readonly Dictionary<AnchorName, YamlValue?> anchors = [];
    private int level;

    private YamlReader(string text) => parser = new Parser(new StringReader(text));

    /// <summary>The first document of a text; null if there is none.</summary>
    public static YamlValue? Read(string text)
    {
        try
        {
            return new YamlReader(text).Document();
        }
        catch (YamlException wrong)
        {
            throw new FormatException($"yaml: line {wrong.Start.Line}: {wrong.Message}", wrong);
        }
        catch (InvalidOperationException wrong)
        {
            // The scanner fails like this, without a position, on some flow collections that are never closed.
            throw new FormatException("yaml: this is not valid YAML", wrong);
        }
    }

    private YamlValue? Document()
    {
        parser.Consume<StreamStart>();
        if (parser.Accept<StreamEnd>(out _)) return null;
        parser.Consume<DocumentStart>();
        return Value();
    }

    private YamlValue Value()
    {
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            if (!anchors.TryGetValue(alias.Value, out var known)) throw Refuse(alias, $"unknown anchor '{alias.Value}' referenced");
            return known ?? throw Refuse(alias, $"anchor '{alias.Value}' value contains itself");
        }

        var start = parser.Consume<NodeEvent>();
        if (start.Anchor.IsEmpty) return Value(start);
        anchors[start.Anchor] = null;
        var value = Value(start);
        anchors[start.Anchor] = value;
        return value;
    }

    private YamlValue Value(NodeEvent start)
    {
        if (start is Scalar scalar) return new YamlScalar(scalar.Value);
        if (++level > MostLevels) throw Refuse(start, "it is too deeply nested");
        YamlValue value = start is SequenceStart ? List(start) : Map(start);
        level--;
        return value;
    }

    private YamlList List(NodeEvent start)
    {
        var items = new List<YamlValue>();
        var weight = 1;
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            var item = Value();
            items.Add(item);
            weight = Add(start, weight, item);
        }

        return new YamlList(items, weight);
    }

    private YamlMap Map(NodeEvent start)
    {
        var entries = new List<(string Key, YamlValue Value)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var weight = 1;
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var at = parser.Current!;
            if (Value() is not YamlScalar key) throw Refuse(at, "a key must be a string");
            if (!seen.Add(key.Text)) throw Refuse(at, $"key {GoValues.Quote(key.Text)} already set in map");
            var value = Value();
            entries.Add((key.Text, value));
            weight = Add(start, weight + 1, value);
        }

        return new YamlMap(entries, weight);
    }

    private static int Add(NodeEvent start, int weight, YamlValue value)
        => weight + value.Weight is var sum && sum <= MostPieces ? sum : throw Refuse(start, $"document has more than {MostPieces} entries");

    private static FormatException Refuse(ParsingEvent at, string message) => new($"yaml: line {at.Start.Line}: {message}");
}
