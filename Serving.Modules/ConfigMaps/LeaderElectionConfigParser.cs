using System.Globalization;
using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-leader-election.</summary>
public static class LeaderElectionConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-leader-election";

    private const string Prefix = "map-lease-prefix.";
    private const uint MostBuckets = 10;

    private static readonly TimeSpan ShortestRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLease = TimeSpan.FromHours(24);

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static LeaderElectionConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = LeaderElectionConfig.Default;
        var buckets = from.UInt32("buckets", (uint)d.Buckets);
        from.Require(
            buckets is >= 1 and <= MostBuckets,
            "buckets",
            string.Create(CultureInfo.InvariantCulture, $"buckets: value must be between 1 <= {buckets} <= {MostBuckets}")
        );
        var config = new LeaderElectionConfig
        {
            LeaseDuration = from.Duration("lease-duration", from.Duration("leaseDuration", d.LeaseDuration)),
            RenewDeadline = from.Duration("renew-deadline", from.Duration("renewDeadline", d.RenewDeadline)),
            RetryPeriod = from.Duration("retry-period", from.Duration("retryPeriod", d.RetryPeriod)),
            Buckets = (int)buckets,
            MapLeasePrefix = data.Where(p =>
                    p.Key.Length > Prefix.Length && p.Key.StartsWith(Prefix, StringComparison.Ordinal) && p.Value.Length > 0
                )
                .ToDictionary(p => p.Key[Prefix.Length..], p => p.Value, StringComparer.Ordinal),
        };
        CheckTimes(from, config);
        foreach (var (part, lease) in config.MapLeasePrefix)
        {
            from.Require(
                LabelSyntax.IsSubdomain(lease),
                Prefix + part,
                $"{Prefix}{part} is {GoValues.Quote(lease)}, which a Lease cannot be called: it must be a DNS name"
            );
        }

        return config;
    }

    /// <summary>With inconsistent durations two leaders could work at once, or none for a long time.</summary>
    private static void CheckTimes(ConfigData from, LeaderElectionConfig c)
    {
        from.Require(
            c.RetryPeriod > TimeSpan.Zero,
            "retry-period",
            $"retry-period must be positive, was: {GoValues.Format(c.RetryPeriod)}"
        );
        from.Require(
            c.RetryPeriod >= ShortestRetry,
            "retry-period",
            $"retry-period ({GoValues.Format(c.RetryPeriod)}) must be at least {GoValues.Format(ShortestRetry)}, or candidates would flood the API server"
        );
        from.Require(
            c.RenewDeadline > c.RetryPeriod,
            "renew-deadline",
            $"renew-deadline ({GoValues.Format(c.RenewDeadline)}) must be longer than retry-period ({GoValues.Format(c.RetryPeriod)})"
        );
        from.Require(
            c.LeaseDuration > c.RenewDeadline,
            "lease-duration",
            $"lease-duration ({GoValues.Format(c.LeaseDuration)}) must be longer than renew-deadline ({GoValues.Format(c.RenewDeadline)})"
        );
        from.Require(
            c.LeaseDuration >= ShortestLease && c.LeaseDuration <= LongestLease,
            "lease-duration",
            $"lease-duration ({GoValues.Format(c.LeaseDuration)}) must be in [{GoValues.Format(ShortestLease)}; {GoValues.Format(LongestLease)}] range: a Lease counts whole seconds"
        );
    }
}
