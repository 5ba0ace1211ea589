using System.Collections.Concurrent;
using Serving.Api.Autoscaling;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>
/// Scrapes queue-proxies through the Service of their revision, for use behind a mesh: each time on a new connection, so that another pod
/// may respond. Repeated responses of a pod count once; pods older than the stable window count first.
/// </summary>
/// <param name="http">Sends the requests.</param>
/// <param name="address">Returns the address of a metric's Service.</param>
internal sealed class ServiceScrape(HttpClient http, Func<Metric, Uri> address)
{
    private const int MostTries = 10;

    /// <summary>Returns the stat of all <paramref name="ready"/> pods together; there is at least one. Throws <see cref="ScrapeException"/>
    /// when too few responded.</summary>
    public async Task<Stat> ScrapeAsync(Metric metric, int ready, TimeSpan window, CancellationToken cancellation)
    {
        var sample = SampleSize.Of(ready);
        var answers = new ConcurrentDictionary<string, Stat>(StringComparer.Ordinal);
        Exception? failure = null;
        await Task.WhenAll(Enumerable.Range(0, sample).Select(_ => AskAsync()));
        if (answers.Count < sample)
        {
            throw new ScrapeException(
                $"unsuccessful scrape, sampleSize={sample}: {failure?.Message ?? "did not receive stat from an unscraped pod"}",
                failure
            )
            {
                Reason = failure switch
                {
                    null => CollectionFailure.DidNotReceiveStat,
                    HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => CollectionFailure.NoEndpoints,
                    _ => CollectionFailure.CollectionFailed,
                },
            };
        }

        return StatAnswer.Extrapolate(
            [.. answers.Values.OrderByDescending(stat => stat.ProcessUptime >= window.TotalSeconds).Take(sample)],
            ready
        );

        async Task AskAsync()
        {
            for (var tries = 0; tries < MostTries && answers.Count < 2 * sample; tries++)
            {
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, address(metric));
                    request.Headers.ConnectionClose = true;
                    var stat = await StatAnswer.AskAsync(http, request, cancellation);
                    if (answers.TryAdd(stat.PodName, stat) && stat.ProcessUptime >= window.TotalSeconds)
                        return;
                }
                catch (Exception error) when (StatAnswer.IsMissing(error, cancellation))
                {
                    failure = error;
                }
            }
        }
    }
}
