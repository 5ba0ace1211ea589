using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Serving.Tests.Observability;

/// <summary>
/// A strict reader of Prometheus' text format and of OpenMetrics: what the specifications forbid, it rejects with the line.
/// Samples are kept
/// by name and labels.
/// </summary>
internal sealed partial class MetricsText
{
    private const string Eof = "# EOF";

    private readonly bool _open;
    private readonly HashSet<string> _families = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);
    private readonly List<Exemplar> _exemplars = [];
    private string _family = "";
    private string _type = "unknown";
    private HashSet<string> _metadata = [];
    private List<(string Name, SortedDictionary<string, string> Labels, double Value)> _members = [];

    private MetricsText(bool open) => _open = open;

    /// <summary>An exemplar of a sample.</summary>
    internal sealed record Exemplar(string Sample, IReadOnlyDictionary<string, string> Labels, double Value, double? Time);

    public IReadOnlyDictionary<string, double> Samples => _samples;

    public IReadOnlyList<Exemplar> Exemplars => _exemplars;

    public IReadOnlyCollection<string> Families => _families;

    /// <summary>The sum of the samples of a name that have these labels.</summary>
    public double Sum(string name, params (string Name, string Value)[] labels) =>
        _samples
            .Where(sample => sample.Key.StartsWith(name + "{", StringComparison.Ordinal) || sample.Key == name)
            .Where(sample => labels.All(label => sample.Key.Contains($"{label.Name}=\"{label.Value}\"", StringComparison.Ordinal)))
            .Sum(static sample => sample.Value);

    /// <summary>Reads a text; throws <see cref="FormatException"/> for anything that the format does not allow.</summary>
    public static MetricsText Read(string text, bool openMetrics)
    {
        var result = new MetricsText(openMetrics);
        if (text.Length > 0 && !text.EndsWith('\n'))
            throw new FormatException("the last line has no line feed");
        var lines = text.Length == 0 ? [] : text[..^1].Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                if (openMetrics && lines[i] == Eof)
                {
                    Require(i == lines.Length - 1, "something follows # EOF");
                    result.EndFamily();
                    return result;
                }

                result.ReadLine(lines[i]);
            }
            catch (FormatException wrong)
            {
                throw new FormatException($"line {i + 1}: {wrong.Message}: {lines[i]}", wrong);
            }
        }

        Require(!openMetrics, "there is no # EOF");
        result.EndFamily();
        return result;
    }

    private void ReadLine(string line)
    {
        Require(line.Length > 0, "empty line");
        Require(!line.Contains('\r', StringComparison.Ordinal), "carriage return");
        if (line.StartsWith('#'))
            ReadMetadata(line);
        else
            ReadSample(line);
    }

    private void ReadMetadata(string line)
    {
        var parts = line.Split(' ', 4);
        Require(parts.Length >= 3 && parts[0] == "#" && parts[1] is "HELP" or "TYPE" or "UNIT", "unknown comment");
        Require(_open || parts[1] != "UNIT", "UNIT in the text format");
        var (kind, name, value) = (parts[1], parts[2], parts.Length == 4 ? parts[3] : "");
        Require(MetricName().IsMatch(name), "invalid name");
        if (name != _family)
        {
            EndFamily();
            Require(_families.Add(name), "a family appears twice");
            (_family, _type, _metadata, _members) = (name, "unknown", [], []);
        }

        Require(_metadata.Add(kind), "metadata appears twice");
        Require(_members.Count == 0, "metadata after a sample");
        switch (kind)
        {
            case "TYPE":
                var known = _open
                    ? value is "counter" or "gauge" or "histogram" or "info" or "unknown"
                    : value is "counter" or "gauge" or "histogram" or "untyped";
                Require(known, "unknown type");
                Require(_open || value != "counter" || name.EndsWith("_total", StringComparison.Ordinal), "a counter without _total");
                Require(!_open || value != "counter" || !name.EndsWith("_total", StringComparison.Ordinal), "a family with _total");
                _type = value;
                break;
            case "UNIT":
                Require(value.Length > 0 && name.EndsWith("_" + value, StringComparison.Ordinal), "the name does not end with the unit");
                break;
            default:
                Require(value.Length > 0, "empty HELP");
                for (var i = 0; i < value.Length; i++)
                {
                    if (value[i] == '\\')
                        Require(++i < value.Length && (value[i] is '\\' or 'n' || (_open && value[i] == '"')), "invalid escape");
                    else
                        Require(!_open || value[i] != '"', "unescaped quote");
                }

                break;
        }
    }

    private void ReadSample(string line)
    {
        var at = 0;
        while (at < line.Length && line[at] is not ('{' or ' '))
            at++;
        var name = line[..at];
        Require(MetricName().IsMatch(name), "invalid name");
        var labels = at < line.Length && line[at] == '{' ? ReadLabels(line, ref at) : [];
        Require(at < line.Length && line[at] == ' ', "no value");
        var rest = line[(at + 1)..];
        string? exemplar = null;
        if (rest.IndexOf(" # ", StringComparison.Ordinal) is >= 0 and var hash)
        {
            Require(_open, "exemplar in the text format");
            (rest, exemplar) = (rest[..hash], rest[(hash + 3)..]);
        }

        var value = Number(rest);
        Require(_family.Length > 0 && SuffixOf(name) is not null, $"not a sample of {_family}, a {_type}");
        if (_type is "counter" || name.EndsWith("_bucket", StringComparison.Ordinal))
            Require(value >= 0, "a negative or undefined count");
        var key = KeyOf(name, labels);
        Require(_samples.TryAdd(key, value), "a sample appears twice");
        _members.Add((name, labels, value));
        if (exemplar is not null)
            ReadExemplar(name, key, labels, exemplar);
    }

    private void ReadExemplar(string name, string key, SortedDictionary<string, string> labels, string text)
    {
        Require(
            name.EndsWith("_bucket", StringComparison.Ordinal) || name.EndsWith("_total", StringComparison.Ordinal),
            "no exemplar here"
        );
        Require(text.StartsWith('{'), "an exemplar without labels");
        var at = 0;
        var own = ReadLabels(text, ref at);
        Require(own.Sum(static label => label.Key.EnumerateRunes().Count() + label.Value.EnumerateRunes().Count()) <= 128, "too long");
        var parts = text[at..].Split(' ');
        Require(parts.Length is 2 or 3 && parts[0].Length == 0, "an exemplar is labels, value and time");
        var value = Number(parts[1]);
        if (labels.TryGetValue("le", out var le))
            Require(value <= Number(le), "an exemplar above its bucket");
        _exemplars.Add(new Exemplar(key, own, value, parts.Length == 3 ? Number(parts[2]) : null));
    }

    private static SortedDictionary<string, string> ReadLabels(string line, ref int at)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Require(line[at] == '{', "labels start with {");
        at++;
        while (line[at] != '}')
        {
            var equals = line.IndexOf('=', at);
            Require(equals > 0, "a label without =");
            var name = line[at..equals];
            Require(LabelName().IsMatch(name), $"invalid label {name}");
            at = equals + 1;
            Require(line[at] == '"', "a label's value is quoted");
            at++;
            var value = new StringBuilder();
            for (; line[at] != '"'; at++)
            {
                if (line[at] != '\\')
                {
                    value.Append(line[at]);
                    continue;
                }

                at++;
                value.Append(
                    line[at] switch
                    {
                        'n' => '\n',
                        '\\' => '\\',
                        '"' => '"',
                        _ => throw new FormatException("invalid escape"),
                    }
                );
            }

            at++;
            Require(labels.TryAdd(name, value.ToString()), $"label {name} appears twice");
            if (line[at] == ',')
            {
                at++;
                Require(line[at] != '}', "a comma before }");
            }
            else
            {
                Require(line[at] == '}', "labels end with }");
            }
        }

        at++;
        return labels;
    }

    private string? SuffixOf(string name)
    {
        if (!name.StartsWith(_family, StringComparison.Ordinal))
            return null;
        var suffix = name[_family.Length..];
        var allowed = _type switch
        {
            "counter" => _open ? suffix is "_total" or "_created" : suffix.Length == 0,
            "histogram" => suffix is "_bucket" or "_sum" or "_count" || (_open && suffix == "_created"),
            "info" => suffix == "_info",
            _ => suffix.Length == 0,
        };
        return allowed ? suffix : null;
    }

    private void EndFamily()
    {
        if (_family.Length == 0)
            return;
        Require(_members.Count > 0, $"{_family} has no sample");
        Require(_metadata.Contains("TYPE"), $"{_family} has no type");
        if (_type != "histogram")
            return;
        var series = _members.GroupBy(member => KeyOf("", Without(member.Labels, "le")), StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? previous = null;
        foreach (var (_, labels, _) in _members)
        {
            var key = KeyOf("", Without(labels, "le"));
            Require(key == previous || seen.Add(key), $"the samples of {key} of {_family} are not together");
            previous = key;
        }

        foreach (var one in series)
            CheckHistogram([.. one]);
    }

    private void CheckHistogram(List<(string Name, SortedDictionary<string, string> Labels, double Value)> samples)
    {
        var (bound, count) = (double.NegativeInfinity, 0.0);
        foreach (var (_, labels, value) in samples.Where(static sample => sample.Name.EndsWith("_bucket", StringComparison.Ordinal)))
        {
            var text = labels["le"];
            var next = Number(text);
            Require(next > bound, $"bounds of {_family} are not ascending");
            Require(value >= count, $"buckets of {_family} are not cumulative");
            Require(
                !_open
                    || next is < 0 or > 10
                    || text.Contains('.', StringComparison.Ordinal)
                    || text.Contains('e', StringComparison.Ordinal),
                $"bound {text} of {_family} is not canonical"
            );
            (bound, count) = (next, value);
        }

        Require(double.IsPositiveInfinity(bound), $"{_family} has no bucket +Inf");
        Require(samples.Single(static sample => sample.Name.EndsWith("_count", StringComparison.Ordinal)).Value == count, "count");
        Require(samples.Count(static sample => sample.Name.EndsWith("_sum", StringComparison.Ordinal)) == 1, "sum");
    }

    private static SortedDictionary<string, string> Without(SortedDictionary<string, string> labels, string name)
    {
        var rest = new SortedDictionary<string, string>(labels, StringComparer.Ordinal);
        rest.Remove(name);
        return rest;
    }

    private static string KeyOf(string name, SortedDictionary<string, string> labels) =>
        labels.Count == 0 ? name : $"{name}{{{string.Join(',', labels.Select(static label => $"{label.Key}=\"{label.Value}\""))}}}";

    private static double Number(string text) =>
        text switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            "NaN" => double.NaN,
            _ when NumberText().IsMatch(text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
            _ => throw new FormatException($"\"{text}\" is no number"),
        };

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
            throw new FormatException(otherwise);
    }

    [GeneratedRegex("^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    private static partial Regex MetricName();

    [GeneratedRegex("^[a-zA-Z_][a-zA-Z0-9_]*$")]
    private static partial Regex LabelName();

    [GeneratedRegex(@"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$")]
    private static partial Regex NumberText();
}
