using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-leader-election: lease durations, and the number of buckets.</summary>
public sealed record LeaderElectionConfig
{
    /// <summary>The defaults.</summary>
    public static LeaderElectionConfig Default { get; } = new();

    /// <summary>Time since the last renewal after which others may acquire the lease.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time since the last renewal after which the holder stops.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>Time between attempts.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Number of buckets that keys are divided into, 1 to 10.</summary>
    public int Buckets { get; init; } = 1;

    /// <summary>Replacements for lease name prefixes: <c>map-lease-prefix.X: Y</c>.</summary>
    public IReadOnlyDictionary<string, string> MapLeasePrefix { get; init; } = Empty.Map;
}
