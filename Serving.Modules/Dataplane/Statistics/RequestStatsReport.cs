namespace Serving.Dataplane.Statistics;

/// <summary>A report of <see cref="RequestStats"/> for one reporting period.</summary>
/// <param name="AverageConcurrency">Average number of requests in flight.</param>
/// <param name="AverageProxiedConcurrency">The part of it that came through an activator.</param>
/// <param name="RequestCount">Requests that arrived.</param>
/// <param name="ProxiedRequestCount">The part of them that came through an activator.</param>
public readonly record struct RequestStatsReport(
    double AverageConcurrency,
    double AverageProxiedConcurrency,
    double RequestCount,
    double ProxiedRequestCount
);
