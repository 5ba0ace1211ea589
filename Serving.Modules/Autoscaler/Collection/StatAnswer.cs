using System.Net;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>How a queue-proxy is asked, and what the answers of some say about all.</summary>
internal static class StatAnswer
{
    /// <summary>Asks once. Throws (HttpRequestException, InvalidDataException) when the answer is no measurement.</summary>
    public static async Task<Stat> AskAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        request.Headers.TryAddWithoutValidation("Accept", StatCodec.ContentType);
        using var response = await http.SendAsync(request, cancellation).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return StatCodec.Decode(await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
    }

    /// <summary>Whether asking failed for want of a measurement, rather than because the asker was told to stop.</summary>
    public static bool IsMissing(Exception error, CancellationToken cancellation)
        => error is HttpRequestException or InvalidDataException || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    /// <summary>Whether it failed as it does where a mesh lets nobody reach pods by their addresses.</summary>
    public static bool MayBeMesh(Exception error)
        => error is HttpRequestException { StatusCode: HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway };

    /// <summary>All pods together, by a sample of them.</summary>
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
