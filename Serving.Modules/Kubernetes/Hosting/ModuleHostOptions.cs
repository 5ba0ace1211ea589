using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>Options of a <see cref="ModuleHost"/>.</summary>
public sealed record ModuleHostOptions
{
    /// <summary>The election; null runs Leader modules without a Lease, for a single process.</summary>
    public LeaderElectionOptions? Election { get; init; }

    /// <summary>
    /// The names of the Leases of a module (by its name) or of one of its shards, in the order in which every candidate acquires them; it
    /// works while it holds all of them. By default only <c>&lt;name&gt;.00-of-01</c>.
    /// </summary>
    public Func<string, Shard, IReadOnlyList<string>> LeaseNames { get; init; } = static (module, shard) => [$"{module}.{shard}"];

    /// <summary>The initial number of shards of sharded modules, 1 to <see cref="Shard.MostShards"/>.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>
    /// The identities of the replicas that could hold the Leases of a module (by its name) now, so that shards are spread over them; null
    /// or empty while unknown.
    /// </summary>
    public Func<string, IReadOnlyCollection<string>>? Candidates { get; init; }

    /// <summary>
    /// How long the other modules keep serving after leaders have handed over, before they stop, so that load balancers learn that this
    /// process is leaving.
    /// </summary>
    public TimeSpan DrainDelay { get; init; }

    /// <summary>
    /// Whether no Service routes to this process any more, for example after an uninstall; <see cref="DrainDelay"/> ends then, because no
    /// load balancer has to learn anything. Evaluated every half second of the delay; null for never.
    /// </summary>
    public Func<bool>? IsCutOff { get; init; }

    /// <summary>How long to wait for a stopping module before the next one is stopped.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>The delay before a failed module is restarted; it doubles up to <see cref="LongestRestart"/>.</summary>
    public TimeSpan FirstRestart { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay before a failed module is restarted.</summary>
    public TimeSpan LongestRestart { get; init; } = TimeSpan.FromMinutes(1);
}
