using System.Text.RegularExpressions;
using Serving.Observability.Metrics;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>The metrics that dashboards and rules may use: those of docs/metrics.md, of .NET, of the recording rules, and of
/// Prometheus.</summary>
internal static partial class MetricNames
{
    private static readonly string[] Foreign = ["up", "ALERTS", "apiserver_admission_webhook_rejection_count"];
    private static readonly string[] Suffixes = ["", "_bucket", "_count", "_sum"];

    /// <summary>Labels of every series: of the target, and of a bucket.</summary>
    private static readonly string[] Common = ["job", "instance", "namespace", "pod", "le"];

    /// <summary>Labels that the scrape gives to the metrics of a sidecar.</summary>
    private static readonly string[] OfPods = ["k8s_namespace_name", "kn_service_name", "kn_configuration_name", "kn_revision_name"];

    private static readonly string Document = File.ReadAllText(Repository.PathOf("docs", "metrics.md"));

    private static readonly HashSet<string> Known =
    [
        .. Foreign,
        .. Recorded(),
        .. Documented().Matches(Document).Select(static match => match.Groups[1].Value),
    ];

    /// <summary>Whether a metric exists.</summary>
    public static bool IsKnown(string metric) => Base(metric) is not null;

    /// <summary>Whether it is one of ours, which the process exports.</summary>
    public static bool IsExported(string metric) =>
        IsKnown(metric) && !Foreign.Contains(metric) && !metric.Contains(':', StringComparison.Ordinal);

    /// <summary>The labels that a metric of ours may have, wherever it is measured.</summary>
    public static IReadOnlySet<string> LabelsOf(string metric) =>
        Document
            .Split('\n')
            .Select(static line => line.Split('|'))
            .Where(cells => cells.Length > 5 && cells[2].Trim() == $"`{Base(metric)}`")
            .SelectMany(static cells => Code().Matches(cells[5]))
            .Select(static match => PrometheusNames.Label(match.Groups[1].Value))
            .Concat(Common)
            .Concat(OfPods)
            .ToHashSet();

    /// <summary>The name in docs/metrics.md of a series of a metric; null when it is not there.</summary>
    public static string? Base(string metric) =>
        Suffixes
            .Where(suffix => metric.EndsWith(suffix, StringComparison.Ordinal))
            .Select(suffix => metric[..^suffix.Length])
            .FirstOrDefault(Known.Contains);

    private static IEnumerable<string> Recorded() =>
        RuleFiles.Rules.Where(static rule => rule["record"] is not null).Select(static rule => rule["record"]!.ToString());

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"`((?:kn|serving|http|process|dotnet|target)_[a-z0-9_]+)`")]
    private static partial Regex Documented();
}
