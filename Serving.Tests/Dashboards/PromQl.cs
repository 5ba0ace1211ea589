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

    /// <summary>The expression with the variables of Grafana replaced.</summary>
    /// <param name="expression">The expression of a panel.</param>
    /// <param name="interval">What <c>$__rate_interval</c> stands for.</param>
    /// <param name="range">What <c>$__range</c> stands for.</param>
    public static string Substituted(string expression, string interval, string range) =>
        Variable()
            .Replace(
                expression,
                match =>
                    match.Groups[1].Value switch
                    {
                        "__rate_interval" => interval,
                        "__range" => range,
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

    [GeneratedRegex(@"(?<![\w:.])(?<name>[a-zA-Z_:][\w:]*)(?<call>\s*\()?")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"\$(\w+)")]
    private static partial Regex Variable();
}
