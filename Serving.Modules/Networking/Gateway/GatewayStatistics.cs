using System.Collections.Concurrent;

namespace Serving.Networking.Gateway;

/// <summary>Counts requests by backend, without locks. A backend that has left every route is forgotten.</summary>
public sealed class GatewayStatistics
{
    private readonly ConcurrentDictionary<(string Namespace, string Revision), TrafficCounter> counters = new();

    /// <summary>What was counted so far of every backend that is routed to, in no order.</summary>
    public IReadOnlyList<RevisionTraffic> Snapshot() => [.. counters.Select(static entry => entry.Value.Read(entry.Key.Namespace, entry.Key.Revision))];

    internal TrafficCounter For(string ns, string revision) => counters.GetOrAdd((ns, revision), static _ => new TrafficCounter());

    internal void Keep(IReadOnlySet<(string Namespace, string Revision)> used)
    {
        foreach (var key in counters.Keys)
        {
            if (!used.Contains(key))
            {
                counters.TryRemove(key, out _);
            }
        }
    }
}
