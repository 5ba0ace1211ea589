using System.Collections.Concurrent;

namespace Serving.Networking.Gateway;

/// <summary>Lock-free request counters by backend. Backends that no route refers to are removed.</summary>
public sealed class GatewayStatistics
{
    private readonly ConcurrentDictionary<(string Namespace, string Revision), TrafficCounter> _counters = new();

    /// <summary>The current counters of all routed backends, in no particular order.</summary>
    public IReadOnlyList<RevisionTraffic> Snapshot() =>
        [.. _counters.Select(static entry => entry.Value.Read(entry.Key.Namespace, entry.Key.Revision))];

    internal TrafficCounter For(string ns, string revision) => _counters.GetOrAdd((ns, revision), static _ => new TrafficCounter());

    internal void Keep(IReadOnlySet<(string Namespace, string Revision)> used)
    {
        foreach (var key in _counters.Keys)
        {
            if (!used.Contains(key))
            {
                _counters.TryRemove(key, out _);
            }
        }
    }
}
