using System.Globalization;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A combined label and field selector.</summary>
internal sealed class Selector
{
    /// <summary>Matches everything.</summary>
    public static readonly Selector Everything = new([], []);

    private readonly List<LabelRequirement> _labels;
    private readonly List<FieldRequirement> _fields;

    private Selector(List<LabelRequirement> labels, List<FieldRequirement> fields)
    {
        _labels = labels;
        _fields = fields;
    }

    /// <summary>Whether it matches everything.</summary>
    public bool IsEmpty => _labels.Count == 0 && _fields.Count == 0;

    /// <summary>Parses the query's selectors.</summary>
    /// <param name="labels">The label selector, such as <c>a=b,!c,d in (e,f)</c>.</param>
    /// <param name="fields">The field selector, such as <c>metadata.name=x</c>.</param>
    /// <param name="knows">Whether a field is selectable on the kind.</param>
    /// <param name="rename">Returns the name of a field in the storage version.</param>
    public static Selector Parse(string? labels, string? fields, Func<string, bool> knows, Func<string, string>? rename = null)
    {
        if (string.IsNullOrWhiteSpace(labels) && string.IsNullOrWhiteSpace(fields))
            return Everything;
        return new Selector(ParseLabels(labels), ParseFields(fields, knows, rename));
    }

    public bool Matches(StoredObject candidate)
    {
        foreach (var label in _labels)
        {
            if (!label.Matches(candidate.Labels))
                return false;
        }

        foreach (var field in _fields)
        {
            if (string.Equals(candidate.Field(field.Path) ?? "", field.Value, StringComparison.Ordinal) == field.Negated)
                return false;
        }

        return true;
    }

    /// <summary>Whether labels satisfy a <c>LabelSelector</c> document; a missing one matches everything.</summary>
    public static bool Matches(System.Text.Json.Nodes.JsonObject? selector, IReadOnlyDictionary<string, string> labels)
    {
        if (selector is null)
            return true;
        if (
            selector.Object("matchLabels") is { } wanted
            && wanted.Any(pair => !labels.TryGetValue(pair.Key, out var value) || value != pair.Value?.GetValue<string>())
        )
            return false;
        foreach (var expression in selector.Array("matchExpressions") ?? [])
        {
            var values = (expression.Array("values") ?? []).Select(v => v!.GetValue<string>()).ToList();
            if (!new LabelRequirement(expression.String("key") ?? "", expression.String("operator") ?? "", values).Matches(labels))
                return false;
        }

        return true;
    }

    private static List<FieldRequirement> ParseFields(string? text, Func<string, bool> knows, Func<string, string>? rename)
    {
        var fields = new List<FieldRequirement>();
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
                throw ApiException.BadRequest($"invalid selector: '{text}'; can't understand '{part}'");
            var negated = part[at - 1] == '!';
            var path = part[..(negated ? at - 1 : at)].Trim();
            var value = part[(at + 1)..].TrimStart('=').Trim();
            if (!knows(path))
                throw ApiException.BadRequest($"field label not supported: {path}");
            fields.Add(new FieldRequirement(rename?.Invoke(path) ?? path, value, negated));
        }

        return fields;
    }

    private static List<LabelRequirement> ParseLabels(string? text)
    {
        var requirements = new List<LabelRequirement>();
        foreach (var part in SplitOutsideParentheses(text ?? ""))
            requirements.Add(ParseLabel(part));
        return requirements;
    }

    private static LabelRequirement ParseLabel(string part)
    {
        if (part.StartsWith('!'))
            return new LabelRequirement(Key(part[1..], part), "DoesNotExist", []);
        var open = part.IndexOf('(', StringComparison.Ordinal);
        if (open > 0)
        {
            var head = part[..open].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (head.Length != 2 || head[1] is not ("in" or "notin") || !part.EndsWith(')'))
                throw Bad(part);
            var values = part[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries);
            return new LabelRequirement(Key(head[0], part), head[1] == "in" ? "In" : "NotIn", [.. values]);
        }

        foreach (var (sign, kind) in Signs)
        {
            var at = part.IndexOf(sign, StringComparison.Ordinal);
            if (at > 0)
                return new LabelRequirement(Key(part[..at], part), kind, [part[(at + sign.Length)..].Trim()]);
        }

        return new LabelRequirement(Key(part, part), "Exists", []);
    }

    private static readonly (string Sign, string Operator)[] Signs = [("!=", "NotIn"), ("==", "In"), ("=", "In"), (">", "Gt"), ("<", "Lt")];

    private static string Key(string text, string part)
    {
        var key = text.Trim();
        return key.Length > 0 && !key.Contains(' ', StringComparison.Ordinal) ? key : throw Bad(part);
    }

    private static ApiException Bad(string part) => ApiException.BadRequest($"unable to parse requirement: found '{part}'");

    private static IEnumerable<string> SplitOutsideParentheses(string text)
    {
        var start = 0;
        var depth = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] == '(')
                depth++;
            else if (i < text.Length && text[i] == ')')
                depth--;
            else if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                var part = text[start..i].Trim();
                if (part.Length > 0)
                    yield return part;
                start = i + 1;
            }
        }
    }

    private sealed record FieldRequirement(string Path, string Value, bool Negated);

    private sealed record LabelRequirement(string Key, string Operator, List<string> Values)
    {
        public bool Matches(IReadOnlyDictionary<string, string> labels)
        {
            var has = labels.TryGetValue(Key, out var value);
            return Operator switch
            {
                "In" => has && Values.Contains(value!),
                "NotIn" => !has || !Values.Contains(value!),
                "Exists" => has,
                "DoesNotExist" => !has,
                "Gt" => has && Compare(value!) > 0,
                "Lt" => has && Compare(value!) < 0,
                _ => false,
            };
        }

        private int Compare(string value) =>
            long.TryParse(value, CultureInfo.InvariantCulture, out var left)
            && Values.Count == 1
            && long.TryParse(Values[0], CultureInfo.InvariantCulture, out var right)
                ? left.CompareTo(right)
                : 0;
    }
}
