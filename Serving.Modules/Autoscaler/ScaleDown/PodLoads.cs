using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Kubernetes;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>Asks queue-proxies for their requests in flight.</summary>
/// <param name="scraper">Reaches pods.</param>
/// <param name="memory">What is known of the way to a revision's pods.</param>
internal sealed class PodLoads(PodScraper scraper, Func<ObjectKey, ScrapeMemory?> memory) : IPodLoads
{
    public async Task<int?[]> InFlightAsync(ObjectKey revision, IReadOnlyList<Pod> pods, string service, CancellationToken cancellation) =>
        Array.ConvertAll(await scraper.ReportsAsync(pods, memory(revision), service, cancellation), static report => report?.InFlight);
}
