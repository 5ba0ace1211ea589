using Serving.Kubernetes;

namespace Serving.Autoscaler.Scaling;

/// <summary>Tells what was measured of a revision.</summary>
internal interface IMetricSource
{
    /// <summary>The averages over the stable and the panic window, over all pods; null while there is nothing to decide by.</summary>
    /// <param name="key">The revision.</param>
    /// <param name="metric"><c>rps</c>, else concurrency.</param>
    /// <param name="now">The time.</param>
    (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now);
}
