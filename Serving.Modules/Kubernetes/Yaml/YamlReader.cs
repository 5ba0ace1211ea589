using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Serving.Kubernetes.Yaml;

/// <summary>
/// Builds a tree from the events of a YAML document; the only YAML reader. Invariant: depth and size of the tree are bounded whatever the
/// text, so consumers need no bounds of their own: an alias within its own anchor, too many levels, too many nodes (those behind aliases
/// count each time they are used) and duplicate keys are rejected.
/// </summary>
public sealed class YamlReader
{
    /// <summary>Maximum number of levels.</summary>
    public const int MostLevels = 100;

    /// <summary>Maximum number of nodes in a manifest.</summary>
    public const int MostPieces = 1_000_000;

    private readonly Parser _parser;
    private readonly int _mostPieces;
    private readonly Dictionary<AnchorName, YamlValue?> _anchors = [];
    private int _level;

    private YamlReader(string text, int mostPieces)
    {
        _parser = new Parser(new StringReader(text));
        _mostPieces = mostPieces;
    }

    /// <summary>The documents of a text. Throws <see cref="FormatException"/>, which names the line.</summary>
    public static IReadOnlyList<YamlValue> Read(string text) => Read(text, MostPieces, all: true);

    /// <summary>The first document of a text, whatever follows it; null if there is none. Throws <see cref="FormatException"/>, which names
    /// the line.</summary>
    /// <param name="text">The text.</param>
    /// <param name="mostPieces">Maximum number of nodes in it.</param>
    public static YamlValue? ReadFirst(string text, int mostPieces) => Read(text, mostPieces, all: false) is [var first] ? first : null;

    private static List<YamlValue> Read(string text, int mostPieces, bool all)
    {
        try
        {
            return new YamlReader(text, mostPieces).Documents(all);
        }
        catch (YamlException error)
        {
            throw new FormatException(
                $"line {error.Start.Line}, column {error.Start.Column}: {(error.InnerException ?? error).Message}",
                error
            );
        }
        catch (InvalidOperationException error)
        {
            // For some unclosed flow collections the scanner throws this exception, without a position.
            throw new FormatException("this is not valid YAML", error);
        }
    }

    private List<YamlValue> Documents(bool all)
    {
        var documents = new List<YamlValue>();
        _parser.Consume<StreamStart>();
        while ((all || documents.Count == 0) && !_parser.Accept<StreamEnd>(out _))
        {
            _parser.Consume<DocumentStart>();
            documents.Add(Value());
            if (all)
            {
                _parser.Consume<DocumentEnd>();
                _anchors.Clear();
            }
        }

        return documents;
    }

    private YamlValue Value()
    {
        if (_parser.TryConsume<AnchorAlias>(out var alias))
        {
            if (!_anchors.TryGetValue(alias.Value, out var known))
            {
                throw Refuse(alias, $"unknown anchor '{alias.Value}' referenced");
            }

            return known ?? throw Refuse(alias, $"anchor '{alias.Value}' value contains itself");
        }

        var start = _parser.Consume<NodeEvent>();
        if (start.Anchor.IsEmpty)
        {
            return Value(start);
        }

        _anchors[start.Anchor] = null;
        var value = Value(start);
        _anchors[start.Anchor] = value;
        return value;
    }

    private YamlValue Value(NodeEvent start)
    {
        if (start is Scalar scalar)
        {
            return new YamlScalar(
                scalar.Value,
                scalar.Style is ScalarStyle.Plain or ScalarStyle.Any && (scalar.Tag.IsEmpty || scalar.Tag.Value != "tag:yaml.org,2002:str")
            );
        }

        if (++_level > MostLevels)
        {
            throw Refuse(start, $"it is too deeply nested: there are more than {MostLevels} levels");
        }

        YamlValue value = start is SequenceStart ? List(start) : Map(start);
        _level--;
        return value;
    }

    private YamlList List(NodeEvent start)
    {
        var items = new List<YamlValue>();
        var weight = 1;
        while (!_parser.TryConsume<SequenceEnd>(out _))
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
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var at = _parser.Current!;
            if (Value() is not YamlScalar key)
            {
                throw Refuse(at, "a key must be a string");
            }

            if (!seen.Add(key.Text))
            {
                throw Refuse(at, $"key \"{key.Text}\" already set in map");
            }

            var value = Value();
            entries.Add((key.Text, value));
            weight = Add(start, weight + 1, value);
        }

        return new YamlMap(entries, weight);
    }

    private int Add(NodeEvent start, int weight, YamlValue value) =>
        weight + value.Weight is var sum && sum <= _mostPieces ? sum : throw Refuse(start, $"document has more than {_mostPieces} entries");

    private static FormatException Refuse(ParsingEvent at, string message) => new($"line {at.Start.Line}: {message}");
}
