using System.Net;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>
/// Repeats a failed request a bounded number of times, with jitter, honouring <c>Retry-After</c>. Invariant: a request is repeated only
/// when that cannot do its work twice, and one whose response is a stream never is: its reader knows where to go on.
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
        }
    }

    private static bool MayRepeat(HttpRequestMessage request, KubernetesException failure)
    {
        if (ApiRequest.IsStream(request))
        {
            return false;
        }

        // With Retry-After, or 429, the server says that it did nothing; a bare 5xx, and a 500 or 504 in any case, may have come after the
        // work.
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
        var longest = Math.Min(options.FirstDelay.TotalMilliseconds * Math.Pow(2, attempt - 1), options.LongestDelay.TotalMilliseconds);
        var own = TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
        var wait = failure.RetryAfter is { } asked && asked > own ? asked : own;
        return wait > options.LongestDelay ? options.LongestDelay : wait;
    }
}
