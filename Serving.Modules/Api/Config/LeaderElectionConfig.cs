using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-leader-election: how long leases last and how work is split over them.</summary>
public sealed record LeaderElectionConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static LeaderElectionConfig Default { get; } = new();

    /// <summary>Time after the last renewal when others may take the lease.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time after the last renewal when the holder stops.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>Time between attempts.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Parts that the keys are split into, 1 to 10.</summary>
    public int Buckets { get; init; } = 1;

    /// <summary>Other prefixes for the names of leases: <c>map-lease-prefix.X: Y</c>.</summary>
    public IReadOnlyDictionary<string, string> MapLeasePrefix { get; init; } = Empty.Map;
}
