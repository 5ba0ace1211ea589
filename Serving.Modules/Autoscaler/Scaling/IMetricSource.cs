using Serving.Kubernetes;

namespace Serving.Autoscaler.Scaling;

/// <summary>Provides the averages of a revision's stats.</summary>
internal interface IMetricSource
{
    /// <summary>The averages over the stable and the panic window, summed over all pods; null while there are no stats.</summary>
    /// <param name="key">The revision.</param>
    /// <param name="metric"><c>rps</c>, else concurrency.</param>
    /// <param name="now">The time.</param>
    (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now);
}
