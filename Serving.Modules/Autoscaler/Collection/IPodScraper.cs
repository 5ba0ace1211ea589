using Serving.Api.Autoscaling;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>Scrapes the stats of a revision's pods.</summary>
internal interface IPodScraper
{
    /// <summary>
    /// Returns the stat of all ready pods together, extrapolated from a sample; null if no pod is ready.
    /// Throws <see cref="ScrapeException"/> when too few pods responded.
    /// </summary>
    /// <param name="metric">The revision and its windows.</param>
    /// <param name="memory">State kept between scrapes of the revision.</param>
    /// <param name="cancellation">Cancels the scrape.</param>
    Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation);
}
