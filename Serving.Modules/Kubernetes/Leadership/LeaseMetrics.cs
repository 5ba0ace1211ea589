using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Kubernetes.Leadership;

/// <summary>Which Leases this process holds or competes for. Invariant: a Lease has a series only while a candidate for it runs.</summary>
internal static class LeaseMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Leadership";

    /// <summary>The Lease was acquired.</summary>
    public const string Acquired = "acquired";

    /// <summary>It was given up, because the process stops or another replica shall lead.</summary>
    public const string Released = "released";

    /// <summary>It could not be renewed in time, or another process took it.</summary>
    public const string Lost = "lost";

    private static readonly MetricAttribute Lease = new("lease", "the name of the Lease");
    private static readonly MetricAttribute Transition = new("transition", "`acquired`, `released` or `lost`");

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<LeaderElector, byte> Candidates = new();

    private static readonly Counter<long> Transitions = Meter
        .CreateCounter<long>("serving.lease.transitions", "{transition}", "How often this process acquired, released or lost a Lease")
        .With(Lease, Transition)
        .StartingAtZero(static () =>
            from elector in Candidates.Keys
            from lease in elector.Leases
            from transition in (string[])[Acquired, Released, Lost]
            select (KeyValuePair<string, object?>[])[Lease.Of(lease), Transition.Of(transition)]
        );

    static LeaseMetrics()
    {
        Gauge("serving.lease.held", "1 while this process holds the Lease and works, 0 while it is a candidate", Held);
        Gauge(
            "serving.lease.held_by_other",
            "1 while another process holds the Lease, of this implementation or not, as far as this candidate knows; 0 while it is free, expired or held here",
            HeldByOther
        );
        Gauge(
            "serving.lease.blocked",
            "1 while this candidate waits because another process holds the Lease, one that is acquired together with it, or one of another division into buckets; else 0",
            Blocked
        );
    }

    public static void Open(LeaderElector elector) => Candidates.TryAdd(elector, 0);

    public static void Close(LeaderElector elector) => Candidates.TryRemove(elector, out _);

    public static void Changed(LeaderElector elector, string transition)
    {
        foreach (var lease in elector.Leases)
        {
            Transitions.Add(1, Lease.Of(lease), Transition.Of(transition));
        }
    }

    private static void Gauge(string name, string description, Func<IEnumerable<Measurement<long>>> values) =>
        Meter.CreateObservableGauge(name, values, "{lease}", description).With(Lease);

    private static IEnumerable<Measurement<long>> Held() =>
        from elector in Candidates.Keys
        from lease in elector.Leases
        select new Measurement<long>(elector.IsLeading ? 1 : 0, Lease.Of(lease));

    private static IEnumerable<Measurement<long>> HeldByOther() =>
        from elector in Candidates.Keys
        let others = elector.HeldByOthers
        from lease in elector.Leases
        select new Measurement<long>(others.Contains(lease) ? 1 : 0, Lease.Of(lease));

    private static IEnumerable<Measurement<long>> Blocked() =>
        from elector in Candidates.Keys
        let isBlocked = elector.IsBlocked
        from lease in elector.Leases
        select new Measurement<long>(isBlocked ? 1 : 0, Lease.Of(lease));
}
