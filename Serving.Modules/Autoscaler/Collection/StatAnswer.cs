using System.Net;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>Scrapes a queue-proxy, and extrapolates from a sample.</summary>
internal static class StatAnswer
{
    /// <summary>Scrapes once. Throws (HttpRequestException, InvalidDataException) when the response is not a stat.</summary>
    public static async Task<Stat> AskAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        request.Headers.TryAddWithoutValidation("Accept", StatCodec.ContentType);
        using var response = await http.SendAsync(request, cancellation);
        response.EnsureSuccessStatusCode();
        return StatCodec.Decode(await response.Content.ReadAsByteArrayAsync(cancellation));
    }

    /// <summary>Whether the scrape failed without a stat, rather than because it was cancelled.</summary>
    public static bool IsMissing(Exception error, CancellationToken cancellation) =>
        error is HttpRequestException or InvalidDataException
        || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    /// <summary>Whether it failed as behind a mesh that blocks requests to pod addresses.</summary>
    public static bool MayBeMesh(Exception error) =>
        error is HttpRequestException { StatusCode: HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway };

    /// <summary>The stat of all pods, extrapolated from a sample.</summary>
    public static Stat Extrapolate(IReadOnlyCollection<Stat> answers, int total)
    {
        var factor = (double)total / answers.Count;
        return new Stat
        {
            PodName = "service-scraper",
            AverageConcurrentRequests = factor * answers.Sum(a => a.AverageConcurrentRequests),
            AverageProxiedConcurrentRequests = factor * answers.Sum(a => a.AverageProxiedConcurrentRequests),
            RequestCount = factor * answers.Sum(a => a.RequestCount),
            ProxiedRequestCount = factor * answers.Sum(a => a.ProxiedRequestCount),
        };
    }
}
