using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>How a <see cref="ModuleHost"/> runs its modules.</summary>
public sealed record ModuleHostOptions
{
    /// <summary>How Leases are held; null runs Leader modules without a Lease, for a single process.</summary>
    public LeaderElectionOptions? Election { get; init; }

    /// <summary>
    /// The names of the Leases of a module (by its name) or of a part of one, in the order in which every candidate takes them; it works
    /// while all are held. By default the one <c>&lt;name&gt;.00-of-01</c>.
    /// </summary>
    public Func<string, Shard, IReadOnlyList<string>> LeaseNames { get; init; } = static (module, shard) => [$"{module}.{shard}"];

    /// <summary>Into how many parts the modules that can be divided are at first, 1 to <see cref="Shard.MostShards"/>.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>
    /// The identities of the replicas that could hold the Leases of a module (by its name) now, so that parts are spread over them; null
    /// or empty while that is not known.
    /// </summary>
    public Func<string, IReadOnlyCollection<string>>? Candidates { get; init; }

    /// <summary>
    /// How long, after leaders have handed over, the other modules serve on before they stop, so that whoever sends requests learns
    /// that this process is leaving.
    /// </summary>
    public TimeSpan DrainDelay { get; init; }

    /// <summary>
    /// Whether nothing leads requests here any more, as when the whole was uninstalled; then <see cref="DrainDelay"/> ends, since there is
    /// nobody left to learn. Asked every half second of the delay; null for never.
    /// </summary>
    public Func<bool>? IsCutOff { get; init; }

    /// <summary>How long a module that is told to stop is waited for before the next one is told.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>The delay before a module that failed is run again; it doubles up to <see cref="LongestRestart"/>.</summary>
    public TimeSpan FirstRestart { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay before a failed module is run again.</summary>
    public TimeSpan LongestRestart { get; init; } = TimeSpan.FromMinutes(1);
}
