using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Throttling;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The metrics of user requests. They add a cost per request, so they are created only if config-observability enables
/// them.</summary>
internal sealed class RequestMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Serving.QueueProxy";

    private static readonly MetricAttribute Tag = new(
        RouteTag.Attribute,
        "the tag of the Route; `kn:default`, `kn:undefined` or `kn:disabled` without one"
    );

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _invocations;
    private readonly Histogram<double> _requests;
    private readonly Histogram<double> _waits;
    private readonly Counter<long> _rejected;
    private Breaker? _breaker;

    public RequestMetrics()
    {
        _invocations = _meter
            .CreateHistogram("kn.serving.invocation.duration", "s", "The duration of task execution", null, SecondsBuckets.Short)
            .With(RequestAttributes.Status);
        _meter.CreateObservableGauge(
            "kn.serving.queue.depth",
            () => Volatile.Read(ref _breaker) is { } breaker ? [new Measurement<int>(breaker.InFlight)] : Array.Empty<Measurement<int>>(),
            "{request}",
            "Number of current requests in the queue"
        );
        _waits = _meter.CreateHistogram(
            "kn.serving.queue.wait.duration",
            "s",
            "How long a request waited in the queue",
            null,
            SecondsBuckets.Waits
        );
        _rejected = _meter
            .CreateCounter<long>("kn.serving.queue.rejected", "{request}", "Requests refused because the queue was full")
            .StartingAtZero();
        _requests = _meter
            .CreateHistogram("http.server.request.duration", "s", "Duration of HTTP server requests.", null, SecondsBuckets.Short)
            .With(
                RequestAttributes.Method,
                RequestAttributes.Status,
                Tag,
                RequestAttributes.Protocol,
                RequestAttributes.Version,
                RequestAttributes.Scheme
            );
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Reports the requests that run or wait in a breaker, whenever metrics are collected.</summary>
    public void Follow(Breaker breaker) => Volatile.Write(ref _breaker, breaker);

    /// <summary>Records how long a request waited in the queue.</summary>
    public void Waited(TimeSpan duration) => _waits.Record(duration.TotalSeconds);

    /// <summary>Records a request that found the queue full.</summary>
    public void Rejected() => _rejected.Add(1);

    /// <summary>Records the response of the user's program.</summary>
    public void Invoked(TimeSpan duration, int status) =>
        _invocations.Record(duration.TotalSeconds, RequestAttributes.Status.Of(RequestKind.Boxed(status)));

    /// <summary>Records the end of a request, including its time in the queue.</summary>
    public void Completed(TimeSpan duration, HttpRequest request, int status)
    {
        var kind = RequestKind.Of(request, status);
        _requests.Record(
            duration.TotalSeconds,
            RequestAttributes.Method.Of(kind.Method),
            RequestAttributes.Status.Of(kind.Status),
            Tag.Of(RouteTag.Of(request)),
            RequestAttributes.Protocol.Of("http"),
            RequestAttributes.Version.Of(kind.Version),
            RequestAttributes.Scheme.Of(request.Scheme)
        );
    }
}
