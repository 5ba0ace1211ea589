using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The metrics of user requests. They add a cost per request, so they are created only if config-observability enables
/// them.</summary>
internal sealed class RequestMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Serving.QueueProxy";

    private const string Status = "http.response.status_code";

    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _invocations;
    private readonly Histogram<double> _requests;
    private readonly Gauge<long> _depth;

    public RequestMetrics()
    {
        _invocations = _meter.CreateHistogram("kn.serving.invocation.duration", "s", "The duration of task execution", null, Seconds);
        _depth = _meter.CreateGauge<long>("kn.serving.queue.depth", "{request}", "Number of current requests in the queue");
        _requests = _meter.CreateHistogram("http.server.request.duration", "s", "Duration of HTTP server requests.", null, Seconds);
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Records that a request starts, with <paramref name="inFlight"/> requests running or waiting.</summary>
    public void Admitted(int inFlight) => _depth.Record(inFlight);

    /// <summary>Records the response of the user's program.</summary>
    public void Invoked(TimeSpan duration, int status) =>
        _invocations.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(Status, status));

    /// <summary>Records the end of a request, including its time in the queue.</summary>
    public void Completed(TimeSpan duration, HttpRequest request, int status, string tag) =>
        _requests.Record(
            duration.TotalSeconds,
            new("http.request.method", MethodOf(request)),
            new(Status, status),
            new(RouteTag.Attribute, tag),
            new("network.protocol.name", "http"),
            new("network.protocol.version", RequestProtocol.Version(request)),
            new("url.scheme", request.Scheme)
        );

    // Clients may send any method; the number of series must stay small.
    private static string MethodOf(HttpRequest request) =>
        request.Method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" or "CONNECT" or "TRACE"
            ? request.Method
            : "_OTHER";
}
