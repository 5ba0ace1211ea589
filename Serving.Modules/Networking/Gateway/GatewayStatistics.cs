using System.Collections.Concurrent;
using Serving.Instruments;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Telemetry;

namespace Serving.Networking.Gateway;

/// <summary>Lock-free request counters by Route and backend. Those that no route refers to are removed when their requests have ended.
/// Counters are added and removed by one thread.</summary>
public sealed class GatewayStatistics : ISeriesLifetime
{
    private readonly ConcurrentDictionary<TrafficKey, TrafficCounter> _counters = new();

    // The backends of a Route that are no Revisions share a series.
    private readonly ConcurrentDictionary<(string Namespace, string Revision, string Route), TrafficCounter[]> _series = new();

    // Removed while they had requests in flight.
    private readonly HashSet<TrafficCounter> _leaving = [];

    /// <summary>All counters.</summary>
    internal IEnumerable<TrafficCounter> Counters => _counters.Select(static entry => entry.Value);

    /// <summary>The current counters of all routed backends, in no particular order.</summary>
    public IReadOnlyList<RevisionTraffic> Snapshot() =>
        [
            .. Counters
                .Where(static counter => counter.IsRouted)
                .Select(static counter => counter.Read())
                .GroupBy(static traffic => (traffic.Namespace, traffic.Revision))
                .Select(static routes => routes.Aggregate(Sum)),
        ];

    /// <summary>The completed requests of the backends that have had any, by namespace and name; one pass over all counters.</summary>
    public IReadOnlyDictionary<ObjectKey, long> Requests()
    {
        var requests = new Dictionary<ObjectKey, long>();
        foreach (var counter in Counters)
        {
            if (counter.IsRouted && counter.Requests is > 0 and var completed)
            {
                var key = new ObjectKey(counter.Key.Namespace, counter.Key.Backend);
                requests[key] = requests.GetValueOrDefault(key) + completed;
            }
        }

        return requests;
    }

    /// <inheritdoc/>
    public bool IsCurrent(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        RevisionSeries.Find(tags, RevisionNames.Namespace.Name) is not { } ns
        || RevisionSeries.Find(tags, RevisionNames.Revision.Name) is not { } revision
        || RevisionSeries.Find(tags, GatewayMetrics.RouteName.Name) is not { } route
        || (_series.TryGetValue((ns, revision, route), out var counters) && counters.Any(static one => one.IsRouted || one.InFlight > 0));

    /// <summary>The counter of a key that routes refer to from now on.</summary>
    internal TrafficCounter For(TrafficKey key)
    {
        if (!_counters.TryGetValue(key, out var counter))
        {
            counter = _counters[key] = new TrafficCounter(key);
            _series.AddOrUpdate(SeriesOf(key), static (_, one) => [one], static (_, others, one) => [.. others, one], counter);
        }

        counter.IsRouted = true;
        return counter;
    }

    /// <summary>No route refers to a key any more.</summary>
    internal void Remove(TrafficKey key)
    {
        if (_counters.TryGetValue(key, out var counter))
        {
            counter.IsRouted = false;
            _leaving.Add(counter);
        }

        foreach (var ended in _leaving.Where(static one => one.IsRouted || one.InFlight == 0).ToArray())
        {
            _leaving.Remove(ended);
            if (!ended.IsRouted)
            {
                Drop(ended);
            }
        }
    }

    private void Drop(TrafficCounter counter)
    {
        _counters.TryRemove(counter.Key, out _);
        var series = SeriesOf(counter.Key);
        TrafficCounter[] others = [.. _series.GetValueOrDefault(series, []).Where(one => one != counter)];
        if (others.Length > 0)
        {
            _series[series] = others;
            return;
        }

        _series.TryRemove(series, out _);
        if (counter.Tags is not null)
        {
            EndedSeries.Add();
        }
    }

    private static (string Namespace, string Revision, string Route) SeriesOf(TrafficKey key) => (key.Namespace, key.Revision, key.Route);

    private static RevisionTraffic Sum(RevisionTraffic one, RevisionTraffic other) =>
        one with
        {
            Requests = one.Requests + other.Requests,
            Errors = one.Errors + other.Errors,
            InFlight = one.InFlight + other.InFlight,
            LastLatency = one.LastLatency > other.LastLatency ? one.LastLatency : other.LastLatency,
        };
}
