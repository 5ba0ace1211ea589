using System.Net;
using Serving.Concurrency;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>
/// Retries a failed request a bounded number of times, with jitter, honouring <c>Retry-After</c>. Invariant: a request is retried only when
/// it cannot take effect twice. Streams are never retried: their reader knows where to resume.
/// </summary>
internal sealed class RetryHandler(ClusterClientOptions options, TimeProvider time) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan delay;
            try
            {
                return await base.SendAsync(request, cancellationToken);
            }
            catch (KubernetesException failure) when (attempt < options.Attempts && MayRepeat(request, failure))
            {
                delay = DelayAfter(failure, attempt);
            }

            await Task.Delay(delay, time, cancellationToken);
            ClientMetrics.Retried(request);
        }
    }

    private static bool MayRepeat(HttpRequestMessage request, KubernetesException failure)
    {
        if (ApiRequest.IsStream(request))
        {
            return false;
        }

        // With 429, or with 503 and Retry-After, the server did not process the request. With any other 5xx it may have.
        var did =
            failure.Code is not HttpStatusCode.TooManyRequests
            && (failure.Code is not HttpStatusCode.ServiceUnavailable || failure.RetryAfter is null);
        var neverSent =
            failure.InnerException is HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            };
        return !did
            || neverSent
            || (
                ApiRequest.IsRepeatable(request)
                && (failure.IsUnreachable || (failure.RetryAfter is not null && failure.Code >= HttpStatusCode.InternalServerError))
            );
    }

    private TimeSpan DelayAfter(KubernetesException failure, int attempt)
    {
        var own = new Backoff(options.FirstDelay, options.LongestDelay).JitteredAfter(attempt);
        var wait = failure.RetryAfter is { } asked && asked > own ? asked : own;
        return wait > options.LongestDelay ? options.LongestDelay : wait;
    }
}
