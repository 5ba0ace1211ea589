using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Serving.Instruments;

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

    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Webhook";

    private static readonly MetricAttribute Kind = new("kn.webhook.resource.kind", "the kind of the object");
    private static readonly MetricAttribute Group = new("kn.webhook.resource.group", "its group");
    private static readonly MetricAttribute Version = new("kn.webhook.resource.version", "its version");
    private static readonly MetricAttribute Operation = new("kn.webhook.operation.type", "`CREATE`, `UPDATE`, `DELETE` or `CONNECT`");
    private static readonly MetricAttribute Subresource = new("kn.webhook.subresource", "the subresource; empty for the object itself");
    private static readonly MetricAttribute Type = new("kn.webhook.type", "`defaulting`, `validation`, or `admission` of ConfigMaps");
    private static readonly MetricAttribute Outcome = new("kn.webhook.operation.status", "`success`, or `failure` for a refused object");

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _duration;
    private readonly ConcurrentDictionary<(GroupVersionKind Kind, string Operation, string Subresource), bool> _seen = new();

    public WebhookMetrics() =>
        _duration = _meter
            .CreateHistogram("kn.webhook.handler.duration", "s", "The duration of task execution.", advice: SecondsBuckets.Short)
            .With(Kind, Group, Version, Operation, Subresource, Type, Outcome);

    public void Dispose() => _meter.Dispose();

    /// <summary>Records the duration of a decision.</summary>
    public void Decided(string path, AdmissionRequest request, AdmissionAnswer answer, TimeSpan took)
    {
        var series = (request.Kind, request.Operation, request.Subresource);
        if (_seen.ContainsKey(series) || (_seen.Count < MostSeries && IsShort(request)))
            _seen.TryAdd(series, true);
        else
            series = (new GroupVersionKind(Other, Other, Other), Other, Other);

        var tags = new TagList([
            Kind.Of(series.Kind.Kind),
            Group.Of(series.Kind.Group),
            Version.Of(series.Kind.Version),
            Operation.Of(series.Operation),
            Subresource.Of(series.Subresource),
            Type.Of(TypeOf(path)),
            Outcome.Of(answer.Refusal is null ? "success" : "failure"),
        ]);
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
