using System.Net;
using Serving.Concurrency;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Host.Composition;

/// <summary>
/// Sends a request of the start to the API server until it succeeds; an unreachable server is retried. Only a rejection that will not
/// change by itself, such as 401 and 403, and an invalid configuration end it.
/// </summary>
internal static class FirstResponse
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(5));

    /// <summary>Waits for the response. Throws <see cref="KubernetesException"/> when retrying is useless.</summary>
    /// <param name="ask">Sends the request once.</param>
    /// <param name="waits">Called after each failure with the reason for waiting.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    public static async Task<T> WaitAsync<T>(Func<Task<T>> ask, Action<string> waits, TimeProvider time, CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await ask();
            }
            catch (KubernetesException failure) when (MayPass(failure))
            {
                waits($"the API server: {failure.Message}");
            }

            await Task.Delay(Delays.JitteredAfter(failures), time, cancellation);
        }
    }

    private static bool MayPass(KubernetesException failure) =>
        failure.InnerException is not KubernetesConfigurationException
        && failure.Code
            is >= HttpStatusCode.InternalServerError
                or HttpStatusCode.TooManyRequests
                or HttpStatusCode.RequestTimeout
                or HttpStatusCode.Conflict;
}
