namespace Serving.Dataplane.Statistics;

/// <summary>One measurement of the requests that a pod or an activator handles, as the autoscaler reads it (Knative's <c>metrics.Stat</c>).</summary>
public readonly record struct Stat
{
    /// <summary>Who measured: the pod's name.</summary>
    public string PodName { get; init => field = value ?? ""; }

    /// <summary>Requests in flight, averaged over the reporting period.</summary>
    public double AverageConcurrentRequests { get; init; }

    /// <summary>The part of <see cref="AverageConcurrentRequests"/> that came through an activator.</summary>
    public double AverageProxiedConcurrentRequests { get; init; }

    /// <summary>Requests that arrived, per second of the reporting period.</summary>
    public double RequestCount { get; init; }

    /// <summary>The part of <see cref="RequestCount"/> that came through an activator.</summary>
    public double ProxiedRequestCount { get; init; }

    /// <summary>Seconds since the measuring process started.</summary>
    public double ProcessUptime { get; init; }

    /// <summary>When it was measured, in seconds since 1970-01-01 UTC; 0 when not told.</summary>
    public long Timestamp { get; init; }
}
