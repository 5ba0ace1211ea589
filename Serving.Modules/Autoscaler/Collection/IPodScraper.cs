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
    /// <param name="metric">Which revision, and its windows.</param>
    /// <param name="memory">What earlier scrapes of it found out.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation);
}
