using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Serving.Webhook;

/// <summary>
/// The metrics of admission, under the name used by Knative's dashboards. Clients of the port choose the names of kinds; invariant: the
/// number of series is bounded, and all beyond the bound share one.
/// </summary>
internal sealed class WebhookMetrics : IDisposable
{
    private const int MostSeries = 256;
    private const int LongestSeries = 512;
    private const string Other = "_OTHER";

    private readonly Meter _meter = new("Serving.Webhook");
    private readonly Histogram<double> _duration;
    private readonly ConcurrentDictionary<(GroupVersionKind Kind, string Operation, string Subresource), bool> _seen = new();

    public WebhookMetrics() =>
        _duration = _meter.CreateHistogram<double>(
            "kn.webhook.handler.duration",
            "s",
            "The duration of task execution.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
            }
        );

    public void Dispose() => _meter.Dispose();

    /// <summary>Records the duration of a decision.</summary>
    public void Decided(string path, AdmissionRequest request, AdmissionAnswer answer, TimeSpan took)
    {
        var series = (request.Kind, request.Operation, request.Subresource);
        if (_seen.ContainsKey(series) || (_seen.Count < MostSeries && IsShort(request)))
            _seen.TryAdd(series, true);
        else
            series = (new GroupVersionKind(Other, Other, Other), Other, Other);

        var tags = new TagList
        {
            { "kn.webhook.resource.kind", series.Kind.Kind },
            { "kn.webhook.resource.group", series.Kind.Group },
            { "kn.webhook.resource.version", series.Kind.Version },
            { "kn.webhook.operation.type", series.Operation },
            { "kn.webhook.subresource", series.Subresource },
            { "kn.webhook.type", TypeOf(path) },
            { "kn.webhook.operation.status", answer.Refusal is null ? "success" : "failure" },
        };
        _duration.Record(took.TotalSeconds, tags);
    }

    private static bool IsShort(AdmissionRequest request) =>
        request.Kind.Group.Length
            + request.Kind.Version.Length
            + request.Kind.Kind.Length
            + request.Operation.Length
            + request.Subresource.Length
        <= LongestSeries;

    private static string TypeOf(string path) =>
        path switch
        {
            "/defaulting" => "defaulting",
            "/resource-validation" => "validation",
            _ => "admission",
        };
}
