namespace Serving.Dataplane.Statistics;

/// <summary>The request statistics of a pod or an activator for one reporting period, as the autoscaler reads them (Knative's
/// <c>metrics.Stat</c>).</summary>
public readonly record struct Stat
{
    /// <summary>The name of the reporting pod.</summary>
    public string PodName
    {
        get;
        init => field = value ?? "";
    }

    /// <summary>Requests in flight, averaged over the reporting period.</summary>
    public double AverageConcurrentRequests { get; init; }

    /// <summary>The part of <see cref="AverageConcurrentRequests"/> that came through an activator.</summary>
    public double AverageProxiedConcurrentRequests { get; init; }

    /// <summary>Requests that arrived, per second of the reporting period.</summary>
    public double RequestCount { get; init; }

    /// <summary>The part of <see cref="RequestCount"/> that came through an activator.</summary>
    public double ProxiedRequestCount { get; init; }

    /// <summary>Uptime of the reporting process in seconds.</summary>
    public double ProcessUptime { get; init; }

    /// <summary>Time of the report, in seconds since 1970-01-01 UTC; 0 when unknown.</summary>
    public long Timestamp { get; init; }
}
