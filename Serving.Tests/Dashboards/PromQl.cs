using System.Text.RegularExpressions;

namespace Serving.Tests.Dashboards;

/// <summary>Finds names in expressions of Prometheus. It does not parse: whether an expression is valid, Prometheus decides.</summary>
internal static partial class PromQl
{
    private static readonly HashSet<string> Words =
    [
        "and",
        "or",
        "unless",
        "offset",
        "bool",
        "by",
        "on",
        "ignoring",
        "without",
        "inf",
        "nan",
    ];

    /// <summary>The metrics that an expression selects by name.</summary>
    public static IReadOnlySet<string> MetricsOf(string expression)
    {
        var named = Quoted().Replace(expression, "").Split('{', '}').Where(static (_, index) => index % 2 == 0);
        var bare = Grouping().Replace(Range().Replace(string.Join(' ', named), ""), "");
        return Identifier()
            .Matches(bare)
            .Where(static match => match.Groups["call"].Length == 0 && !Words.Contains(match.Groups["name"].Value))
            .Select(static match => match.Groups["name"].Value)
            .ToHashSet();
    }

    /// <summary>The labels that an expression selects or groups by, of all its metrics together.</summary>
    public static IReadOnlySet<string> LabelsOf(string expression) =>
        Matcher()
            .Matches(expression)
            .Select(static match => match.Groups[1].Value)
            .Concat(
                Grouping()
                    .Matches(expression)
                    .SelectMany(static match => Word().Matches(match.Groups[1].Value))
                    .Select(static match => match.Value)
            )
            .Where(static label => label != "__name__")
            .ToHashSet();

    /// <summary>The groups of labels that an expression aggregates by or matches on.</summary>
    public static IEnumerable<IReadOnlySet<string>> GroupsOf(string expression) =>
        Grouping()
            .Matches(expression)
            .Select(static group => Word().Matches(group.Groups[1].Value).Select(static word => word.Value).ToHashSet());

    /// <summary>The selectors of metrics of ours: the name, and the matchers without braces.</summary>
    public static IEnumerable<(string Metric, string Matchers)> SelectorsOf(string expression) =>
        Selector()
            .Matches(expression)
            .Select(static match => (match.Groups["name"].Value, match.Groups["of"].Value))
            .Where(static selector => MetricNames.IsExported(selector.Item1));

    /// <summary>The expression with a job for each metric of ours that has none.</summary>
    public static string WithJob(string expression, string job) =>
        Selector()
            .Replace(
                expression,
                selector =>
                {
                    var (name, matchers) = (selector.Groups["name"].Value, selector.Groups["of"].Value);
                    return !MetricNames.IsExported(name) || Job().IsMatch(matchers) ? selector.Value
                        : matchers.Length == 0 ? $"{name}{{job=\"{job}\"}}"
                        : $"{name}{{job=\"{job}\",{matchers}}}";
                }
            );

    /// <summary>The expression with the variables of Grafana replaced.</summary>
    /// <param name="expression">The expression of a panel.</param>
    /// <param name="interval">What <c>$__interval</c> and <c>$__rate_interval</c> stand for.</param>
    /// <param name="range">What <c>$__range</c> stands for.</param>
    public static string Substituted(string expression, TimeSpan interval, TimeSpan range) =>
        Variable()
            .Replace(
                expression,
                match =>
                    match.Groups[1].Value switch
                    {
                        "__interval" or "__rate_interval" => $"{(int)interval.TotalSeconds}s",
                        "__interval_ms" => $"{(int)interval.TotalMilliseconds}",
                        "__range" => $"{(int)range.TotalSeconds}s",
                        "__range_s" => $"{(int)range.TotalSeconds}",
                        _ => ".*",
                    }
            );

    /// <summary>The variables of Grafana in an expression, without those that Grafana itself defines.</summary>
    public static IEnumerable<string> VariablesOf(string expression) =>
        Variable()
            .Matches(expression)
            .Select(static match => match.Groups[1].Value)
            .Where(static name => !name.StartsWith("__", StringComparison.Ordinal));

    [GeneratedRegex("\"(?:[^\"\\\\]|\\\\.)*\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\[[^\]]*\]|offset\s+\S+?(?=[\s)])")]
    private static partial Regex Range();

    [GeneratedRegex(@"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![\w:$.""])(?<name>[a-z]\w*)(?:\{(?<of>[^}]*)\})?")]
    private static partial Regex Selector();

    [GeneratedRegex(@"(?:^|,)\s*job\s*=")]
    private static partial Regex Job();

    [GeneratedRegex(@"(?<![\w:.$])(?<name>[a-zA-Z_:][\w:]*)(?<call>\s*\()?")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"\$(\w+)")]
    private static partial Regex Variable();
}
