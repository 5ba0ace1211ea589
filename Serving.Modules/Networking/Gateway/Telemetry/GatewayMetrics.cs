using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Upstreams;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway.Telemetry;

/// <summary>
/// The metrics of the gateway. Names are its own, because the activator of the same process has those that OpenTelemetry defines for
/// servers. Invariant: recording a request allocates nothing, and series end with the route or Revision they belong to.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "Serving.Networking.Gateway";

    /// <summary>The attribute with the name of the Route.</summary>
    public static MetricAttribute RouteName { get; } = new("kn.route.name", "the Route");

    private static readonly MetricAttribute ListenerName = new("listener", "`external` or `cluster-local`");
    private static readonly MetricAttribute RetryReason = new("reason", "`not_connected`, `unsent` or `lost`");
    private static readonly MetricAttribute Unroutable = new("reason", "`no_route`, `no_backend`, `loop`, `bad_path` or `redirect`");
    private static readonly UpstreamResult[] Retryable = [UpstreamResult.NotConnected, UpstreamResult.Unsent, UpstreamResult.Lost];
    private static readonly MetricAttribute[] Owner = [.. RevisionNames.All, RouteName];

    private readonly Meter _meter;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _noEndpoint;
    private readonly Counter<long> _unrouted;

    /// <param name="statistics">The counters by Route and backend.</param>
    /// <param name="connections">Returns the open connections of each listener.</param>
    public GatewayMetrics(GatewayStatistics statistics, Func<IEnumerable<ListenerConnections>> connections)
    {
        _meter = new Meter(new MeterOptions(MeterName) { Scope = statistics });
        _duration = _meter
            .CreateHistogram(
                "kn.gateway.request.duration",
                "s",
                "Duration of a routed request, from its head to the end of its response",
                null,
                SecondsBuckets.Short
            )
            .With([.. Owner, RequestAttributes.Method, RequestAttributes.Status, RequestAttributes.Version]);
        _meter
            .CreateObservableUpDownCounter(
                "kn.gateway.request.active",
                () => InFlight(statistics),
                "{request}",
                "Routed requests in flight"
            )
            .With(Owner);
        _retries = _meter
            .CreateCounter<long>(
                "kn.gateway.request.retries",
                "{retry}",
                "Attempts repeated on another endpoint, by the reason that the previous one failed"
            )
            .With([.. Owner, RetryReason])
            .StartingAtZero(() => Used(statistics).SelectMany(static counter => counter.RetryTags));
        _noEndpoint = _meter
            .CreateCounter<long>(
                "kn.gateway.request.no_endpoint",
                "{request}",
                "Requests refused with 502 or 503 because no endpoint accepted them"
            )
            .With(Owner)
            .StartingAtZero(() => Used(statistics).Select(static counter => counter.Tags!));
        _unrouted = _meter
            .CreateCounter<long>("kn.gateway.request.unrouted", "{request}", "Requests that were not sent to a backend, by reason")
            .With(ListenerName, Unroutable);
        _meter
            .CreateObservableUpDownCounter(
                "kn.gateway.connections",
                () =>
                    connections()
                        .Select(static open => new Measurement<int>(
                            open.Count,
                            ListenerName.Of(open.Listener),
                            RequestAttributes.Scheme.Of(open.Scheme)
                        )),
                "{connection}",
                "Open connections of clients"
            )
            .With(ListenerName, RequestAttributes.Scheme);
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Records the start of a routed request; pass the result to <see cref="Ended"/>.</summary>
    public static long Started(TrafficCounter counter, RevisionOwner owner)
    {
        counter.Describe(owner);
        return counter.Begin();
    }

    /// <summary>Records the end of a routed request.</summary>
    public void Ended(HttpContext context, TrafficCounter counter, long started)
    {
        var status = RequestStatus.Of(context);
        var elapsed = counter.End(started, status);
        if (!_duration.Enabled || counter.Tags is not { } tags)
        {
            return;
        }

        var kind = counter.Kinds.Admit(RequestKind.Of(context.Request, status));
        _duration.Record(
            elapsed.TotalSeconds,
            tags[0],
            tags[1],
            tags[2],
            tags[3],
            tags[4],
            RequestAttributes.Method.Of(kind.Method),
            RequestAttributes.Status.Of(kind.Status),
            RequestAttributes.Version.Of(kind.Version)
        );
    }

    /// <summary>Records an attempt that follows one with this result.</summary>
    public void Retried(TrafficCounter counter, UpstreamResult result)
    {
        if (_retries.Enabled && counter.Tags is { } tags)
        {
            _retries.Add(1, [.. tags, RetryReason.Of(result.ErrorType())]);
        }
    }

    /// <summary>Records a request that no endpoint accepted.</summary>
    public void NoEndpoint(TrafficCounter counter) => _noEndpoint.Add(1, counter.Tags ?? []);

    /// <summary>Records a request that is not sent to a backend.</summary>
    public void Unrouted(Listener listener, UnroutedReason reason) =>
        _unrouted.Add(1, ListenerName.Of(listener.Name()), Unroutable.Of(reason.Name()));

    /// <summary>The tags of retries, one for each reason.</summary>
    /// <param name="owner">The tags of what the requests are for.</param>
    public static KeyValuePair<string, object?>[][] RetryTags(KeyValuePair<string, object?>[] owner) =>
        [.. Retryable.Select(result => (KeyValuePair<string, object?>[])[.. owner, RetryReason.Of(result.ErrorType())])];

    /// <summary>The counters that have series.</summary>
    private static IEnumerable<TrafficCounter> Used(GatewayStatistics statistics) =>
        statistics.Counters.Where(static counter => counter.Tags is not null && (counter.IsRouted || counter.InFlight > 0));

    private static IEnumerable<Measurement<int>> InFlight(GatewayStatistics statistics) =>
        Used(statistics)
            .GroupBy(static counter => (counter.Key.Namespace, counter.Key.Revision, counter.Key.Route))
            .Select(static same => new Measurement<int>(same.Sum(static counter => counter.InFlight), same.First().Tags!));
}
