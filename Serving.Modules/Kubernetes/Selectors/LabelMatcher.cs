using Serving.Api.Core;

namespace Serving.Kubernetes.Selectors;

/// <summary>A label selector, parsed from either of its two formats, that can be matched. Immutable.</summary>
public sealed class LabelMatcher
{
    private readonly IReadOnlyList<Requirement> _requirements;

    private LabelMatcher(IReadOnlyList<Requirement> requirements) => _requirements = requirements;

    private enum Operation
    {
        In,
        NotIn,
        Exists,
        DoesNotExist,
    }

    /// <summary>Matches every object.</summary>
    public static LabelMatcher Everything { get; } = new([]);

    /// <summary>Whether it has no requirements and therefore matches everything.</summary>
    public bool IsEverything => _requirements.Count == 0;

    /// <summary>Matches objects that have all of <paramref name="labels"/>.</summary>
    public static LabelMatcher Of(IReadOnlyDictionary<string, string> labels) =>
        new([.. labels.Select(pair => new Requirement(pair.Key, Operation.In, [pair.Value]))]);

    /// <summary>Converts the selector of an object. Throws <see cref="FormatException"/> on an unknown operator.</summary>
    public static LabelMatcher Of(LabelSelector selector) =>
        new([
            .. selector.MatchLabels.Select(pair => new Requirement(pair.Key, Operation.In, [pair.Value])),
            .. selector.MatchExpressions.Select(e => new Requirement(e.Key, OperationOf(e.Operator), [.. e.Values])),
        ]);

    /// <summary>
    /// Parses query syntax: <c>a=b,c==d,e!=f,g in (h,i),j notin (k),l,!m</c>; null and empty match everything. Throws
    /// <see cref="FormatException"/>, which says what is wrong.
    /// </summary>
    public static LabelMatcher Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return Everything;
        }

        return new([.. Split(text).Select(ParseRequirement)]);
    }

    /// <summary>Whether <paramref name="labels"/> meet every requirement.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var requirement in _requirements)
        {
            if (!requirement.Matches(labels))
            {
                return false;
            }
        }

        return true;
    }

    private static Operation OperationOf(string text) =>
        text switch
        {
            "In" => Operation.In,
            "NotIn" => Operation.NotIn,
            "Exists" => Operation.Exists,
            "DoesNotExist" => Operation.DoesNotExist,
            _ => throw new FormatException($"\"{text}\" is not a valid label selector operator"),
        };

    private static IEnumerable<string> Split(string text)
    {
        var depth = 0;
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '(':
                    depth++;
                    break;
                case ')':
                    depth--;
                    break;
                case ',' when depth == 0:
                    yield return text[start..i].Trim();
                    start = i + 1;
                    break;
            }
        }

        yield return depth == 0 ? text[start..].Trim() : throw new FormatException($"unbalanced parentheses in label selector \"{text}\"");
    }

    private static Requirement ParseRequirement(string text)
    {
        if (text.EndsWith(')'))
        {
            var open = text.IndexOf('(', StringComparison.Ordinal);
            var head = (open < 0 ? "" : text[..open]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (head is not [var name, "in" or "notin"])
            {
                throw new FormatException($"unable to parse label selector requirement \"{text}\"");
            }

            var values = text[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries);
            return new Requirement(name, head[1] == "in" ? Operation.In : Operation.NotIn, values);
        }

        if (text.IndexOf("!=", StringComparison.Ordinal) is > 0 and var different)
        {
            return new Requirement(text[..different].Trim(), Operation.NotIn, [text[(different + 2)..].Trim()]);
        }

        if (text.IndexOf('=', StringComparison.Ordinal) is > 0 and var equal)
        {
            return new Requirement(text[..equal].Trim(), Operation.In, [text[(equal + 1)..].TrimStart('=').Trim()]);
        }

        if (text.Length == 0 || text.AsSpan().ContainsAny(" =()"))
        {
            throw new FormatException($"unable to parse label selector requirement \"{text}\"");
        }

        return text[0] == '!' ? new Requirement(text[1..].Trim(), Operation.DoesNotExist, []) : new Requirement(text, Operation.Exists, []);
    }

    private sealed record Requirement(string Key, Operation Operation, string[] Values)
    {
        public bool Matches(IReadOnlyDictionary<string, string> labels)
        {
            var present = labels.TryGetValue(Key, out var value);
            return Operation switch
            {
                Operation.In => present && Array.IndexOf(Values, value) >= 0,
                Operation.NotIn => !present || Array.IndexOf(Values, value) < 0,
                Operation.Exists => present,
                _ => !present,
            };
        }
    }
}
