using System.Net.Sockets;
using System.Security.Authentication;
using Serving.Dataplane;
using Serving.Dataplane.Probes;

namespace Serving.Activator.Throttling;

/// <summary>
/// Waits until a pod's queue-proxy says that its user container is ready, by asking again and again: a pod that is about
/// to start is used the moment its port answers, long before Kubernetes has heard of it. It is asked in clear
/// text, which costs little; where requests will go by TLS, that must answer too before the pod counts.
/// </summary>
internal sealed class PodProber(Func<string, UpstreamTls?>? tls, int tlsPort, TimeProvider time)
{
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan EagerInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan EagerPeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PatientInterval = TimeSpan.FromMilliseconds(200);

    private static readonly KeyValuePair<string, string>[] Headers =
    [
        new(DataplaneHeaders.Probe, DataplaneHeaders.QueueName),
        new("User-Agent", DataplaneHeaders.ActivatorUserAgent),
    ];

    /// <summary>Completes when the pod is ready.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants to know any longer.</exception>
    public async Task WaitUntilReadyAsync(string ns, string host, int port, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        var interval = FirstInterval;
        while (!await IsReadyAsync(ns, host, port, cancellation))
        {
            await Task.Delay(interval, time, cancellation);
            var longest = time.GetElapsedTime(started) < EagerPeriod ? EagerInterval : PatientInterval;
            interval = interval < longest ? interval * 1.1 : longest;
        }
    }

    private async Task<bool> IsReadyAsync(string ns, string host, int port, CancellationToken cancellation)
    {
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        attempt.CancelAfter(AttemptTimeout);
        try
        {
            return await SaysReadyAsync(host, port, secured: false, attempt.Token)
                && (tls?.Invoke(ns) is null || await SaysReadyAsync(host, tlsPort, secured: true, attempt.Token));
        }
        catch (Exception exception) when (exception is SocketException or IOException or AuthenticationException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private static async Task<bool> SaysReadyAsync(string host, int port, bool secured, CancellationToken cancellation) =>
        await HttpProbe.GetAsync(host, port, "/healthz", Headers, secured, cancellation) is { Status: 200, Body: DataplaneHeaders.QueueName };
}
