using System.Globalization;
using System.Net;
using Serving.Dataplane;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>Scrapes a queue-proxy, and extrapolates from a sample.</summary>
internal static class StatAnswer
{
    /// <summary>Scrapes once. Throws (HttpRequestException, InvalidDataException) when the response is not a stat.</summary>
    public static async Task<Stat> AskAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        using var response = await SendAsync(http, request, cancellation);
        return await StatOfAsync(response, cancellation);
    }

    /// <summary>What a pod reports of this moment. A queue-proxy that does not report its requests in flight, such as one of Knative's, has
    /// an average of the last second. Throws (HttpRequestException, InvalidDataException) when the response is not a stat.</summary>
    public static async Task<PodReport> ReportAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        using var response = await SendAsync(http, request, cancellation);
        string? reported = response.Headers.TryGetValues(DataplaneHeaders.InFlight, out var values) ? values.First() : null;
        if (!int.TryParse(reported, NumberStyles.None, CultureInfo.InvariantCulture, out var inFlight))
            inFlight = (int)Math.Ceiling((await StatOfAsync(response, cancellation)).AverageConcurrentRequests);
        return new PodReport(inFlight, response.Headers.Contains(DataplaneHeaders.Spent));
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        request.Headers.TryAddWithoutValidation("Accept", StatCodec.ContentType);
        var response = await http.SendAsync(request, cancellation);
        return response.EnsureSuccessStatusCode();
    }

    private static async Task<Stat> StatOfAsync(HttpResponseMessage response, CancellationToken cancellation) =>
        StatCodec.Decode(await response.Content.ReadAsByteArrayAsync(cancellation));

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
