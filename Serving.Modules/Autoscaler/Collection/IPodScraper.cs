using Serving.Api.Autoscaling;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>Asks the pods of a revision how busy they are.</summary>
internal interface IPodScraper
{
    /// <summary>
    /// The measurement of all ready pods together, extrapolated from a sample; null when there is no ready pod.
    /// Throws <see cref="ScrapeException"/> when too few pods answered.
    /// </summary>
    Task<Stat?> ScrapeAsync(Metric metric, CancellationToken cancellation);
}
