using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.Kubernetes.Yaml;

namespace Serving.Tests.Dashboards;

/// <summary>A dashboard as its source in <c>deploy/grafana/source</c> describes it; deploy/grafana/README.md documents the form.</summary>
/// <param name="Uid">The stable id, which links use.</param>
/// <param name="Title">The title.</param>
/// <param name="Description">What it shows.</param>
/// <param name="Variables">The variables besides the data source, in order.</param>
/// <param name="Sections">The rows.</param>
internal sealed partial record DashboardSource(
    string Uid,
    string Title,
    string Description,
    IReadOnlyList<string> Variables,
    IReadOnlyList<DashboardSource.Section> Sections
)
{
    private static readonly (string Macro, string Matchers)[] Macros =
    [
        ("%revonly", "k8s_namespace_name=~\"$namespace\",kn_revision_name=~\"$revision\""),
        ("%rev", "k8s_namespace_name=~\"$namespace\",kn_service_name=~\"$service\",kn_revision_name=~\"$revision\""),
        ("%svc", "k8s_namespace_name=~\"$namespace\",kn_service_name=~\"$service\""),
        ("%ns", "k8s_namespace_name=~\"$namespace\""),
    ];

    private const string Interval = "$__interval";

    /// <summary>A row with its panels.</summary>
    internal sealed record Section(string Title, IReadOnlyList<PanelSource> Panels);

    /// <summary>Reads a source. Throws <see cref="FormatException"/>, which names the panel and the key.</summary>
    public static DashboardSource Read(string text)
    {
        var root = (JsonObject)YamlDocuments.Read(text).Single();
        Allow(root, "the dashboard", "uid", "title", "description", "variables", "sections");
        return new DashboardSource(
            Text(root, "uid"),
            Text(root, "title"),
            Text(root, "description"),
            [.. root["variables"]!.AsArray().Select(static one => one!.ToString())],
            [
                .. root["sections"]!
                    .AsArray()
                    .Select(static section => new Section(
                        Text(section!.AsObject(), "title"),
                        [.. section["panels"]!.AsArray().Select(static panel => Panel(panel!.AsObject()))]
                    )),
            ]
        );
    }

    /// <summary>A query with its macros expanded. A metric of ours without a job is one of the host.</summary>
    public static string Expand(string query)
    {
        var expanded = Increase().Replace(query.Trim(), static call => IncreaseOf(call.Groups["of"].Value, call.Groups["range"].Value));
        expanded = Events().Replace(expanded, static call => EventsOf(call.Groups["of"].Value));
        foreach (var (macro, matchers) in Macros)
        {
            expanded = expanded.Replace(macro, matchers, StringComparison.Ordinal);
        }

        return PromQl.WithJob(expanded, "serving");
    }

    private static string IncreaseOf(string series, string range) =>
        $"((max_over_time({series}[{range}]) unless {series} offset {range}) and on (job, instance) "
        + $"({Began(range)} or up{{job=\"serving\"}} offset {range} == 1) or increase({series}[{range}]))";

    /// <summary>The difference of the last values of two intervals, so that each event is in one interval and counts as 1.</summary>
    private static string EventsOf(string series) =>
        $"((max_over_time({series}[{Interval}]) - max_over_time({series}[{Interval}] offset {Interval}) >= 0) "
        + $"or (max_over_time({series}[{Interval}]) and on (job, instance) "
        + $"({Began(Interval)} or max_over_time(up{{job=\"serving\"}}[{Interval}] offset {Interval}) == 1)))";

    /// <summary>The processes that began within the time: what they count, they have counted since.</summary>
    private static string Began(string range) => $"max_over_time(process_uptime_seconds[{range}]) < {Seconds(range)}";

    private static string Seconds(string range) =>
        range switch
        {
            Interval => "$__interval_ms / 1000",
            "$__range" => "$__range_s",
            "1h" => "3600",
            _ => throw new FormatException($"the time {range} of %inc is not one of 1h, $__range"),
        };

    private static PanelSource Panel(JsonObject panel)
    {
        var title = Text(panel, "title");
        Allow(
            panel,
            $"the panel \"{title}\"",
            "title",
            "type",
            "width",
            "height",
            "unit",
            "max",
            "description",
            "empty",
            "warn",
            "critical",
            "neutral",
            "thresholds",
            "kind",
            "stack",
            "text",
            "queries",
            "by",
            "columns"
        );
        return new PanelSource(title, Text(panel, "unit"), Text(panel, "description"), Text(panel, "empty"))
        {
            Type = panel["type"]?.ToString() ?? "timeseries",
            Width = (int)(Number(panel["width"]) ?? 24),
            Height = (int?)Number(panel["height"]),
            Thresholds = Thresholds(panel),
            Max = Number(panel["max"]),
            Kind = panel["kind"]?.ToString() ?? "line",
            IsStacked = (bool?)panel["stack"] ?? false,
            TextMode = panel["text"]?.ToString(),
            By = [.. panel["by"]?.AsArray().Select(static one => one!.ToString()) ?? []],
            Queries =
            [
                .. panel["queries"]?.AsObject().Select(static query => new PanelSource.Query(query.Key, Expand(query.Value!.ToString())))
                    ?? [],
            ],
            Columns =
            [
                .. panel["columns"]
                    ?.AsArray()
                    .Select(column => column!.AsObject())
                    .Select(static column => new PanelSource.Column(
                        Text(column, "name"),
                        Text(column, "unit"),
                        Expand(Text(column, "expr")),
                        (bool?)column["colored"] ?? false
                    ))
                    ?? [],
            ],
        };
    }

    private static IReadOnlyList<PanelSource.Threshold> Thresholds(JsonObject panel)
    {
        if (panel["thresholds"] is JsonArray steps)
        {
            return [.. steps.Select(static step => new PanelSource.Threshold(Number(step![0]), step[1]!.ToString()))];
        }

        var (warn, critical) = (Number(panel["warn"]), Number(panel["critical"]));
        var first = (bool?)panel["neutral"] == true ? "blue" : "green";
        List<PanelSource.Threshold> thresholds = [new(null, first)];
        if (warn is not null && warn != critical)
        {
            thresholds.Add(new(warn, "orange"));
        }

        if (critical is not null)
        {
            thresholds.Add(new(critical, "red"));
        }

        return thresholds;
    }

    private static double? Number(JsonNode? value) =>
        value is null ? null : double.Parse(value.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture);

    private static string Text(JsonObject of, string key) =>
        of[key]?.ToString() ?? throw new FormatException($"{of["title"] ?? of["name"]}: the key {key} is missing");

    private static void Allow(JsonObject of, string what, params string[] keys)
    {
        if (of.Select(static entry => entry.Key).Except(keys).FirstOrDefault() is { } unknown)
        {
            throw new FormatException($"{what} has the unknown key {unknown}");
        }
    }

    [GeneratedRegex(@"%inc\((?<of>\w+(?:\{[^}]*\})?), (?<range>[^)]+)\)")]
    private static partial Regex Increase();

    [GeneratedRegex(@"%each\((?<of>\w+(?:\{[^}]*\})?)\)")]
    private static partial Regex Events();
}
