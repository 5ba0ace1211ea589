namespace Serving.Dataplane.Statistics;

/// <summary>What <see cref="RequestStats"/> saw over one reporting period.</summary>
/// <param name="AverageConcurrency">Requests in flight on average.</param>
/// <param name="AverageProxiedConcurrency">Of these, those through an activator.</param>
/// <param name="RequestCount">Requests that arrived.</param>
/// <param name="ProxiedRequestCount">Of these, those through an activator.</param>
public readonly record struct RequestStatsReport(
    double AverageConcurrency, double AverageProxiedConcurrency, double RequestCount, double ProxiedRequestCount);
