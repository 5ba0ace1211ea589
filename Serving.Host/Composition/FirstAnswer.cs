using System.Net;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Host.Composition;

/// <summary>
/// Asks the API server for what a start needs, until it answers: one that is away at that moment comes back. Only an answer that will not
/// change by itself, as 401 and 403, and a configuration that cannot work end it.
/// </summary>
internal static class FirstAnswer
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the answer. Throws <see cref="KubernetesException"/> when there is no use in asking again.</summary>
    /// <param name="ask">Asks once.</param>
    /// <param name="waits">Hears, after each failure, why it waits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<T> WaitAsync<T>(Func<Task<T>> ask, Action<string> waits, TimeProvider time, CancellationToken cancellation)
    {
        for (var longest = FirstDelay; ; longest = longest * 2 > LongestDelay ? LongestDelay : longest * 2)
        {
            try
            {
                return await ask();
            }
            catch (KubernetesException failure) when (MayPass(failure))
            {
                waits($"the API server: {failure.Message}");
            }

            await Task.Delay(longest * (0.5 + (Random.Shared.NextDouble() / 2)), time, cancellation);
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
