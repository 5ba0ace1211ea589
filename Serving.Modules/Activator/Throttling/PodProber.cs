using System.Net.Sockets;
using System.Security.Authentication;
using Serving.Dataplane;
using Serving.Dataplane.Probes;
using Serving.Dataplane.Upstreams;

namespace Serving.Activator.Throttling;

/// <summary>
/// Waits until a pod's queue-proxy reports that its user container is ready, by polling: a starting pod is used as soon as its port
/// responds, long before Kubernetes reports it as ready. The probe uses clear text, which is cheap; where requests use TLS, the TLS port
/// must respond too.
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

    /// <summary>The clock of probes.</summary>
    public TimeProvider Time => time;

    /// <summary>Completes when the pod is ready.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="meshHost">The Host for which a mesh passes probes through to the pod; null to request no passthrough.</param>
    /// <param name="heard">Called with each other result, before the next attempt.</param>
    /// <param name="cancellation">Stops the attempts.</param>
    /// <exception cref="OperationCanceledException">The result is no longer needed.</exception>
    public async Task WaitUntilReadyAsync(Destination pod, string? meshHost, Action<ProbeAnswer> heard, CancellationToken cancellation)
    {
        var headers = HeadersFor(meshHost);
        var started = time.GetTimestamp();
        var interval = FirstInterval;
        while (true)
        {
            var answer = await AskAsync(pod, headers, cancellation);
            if (answer == ProbeAnswer.Ready)
                return;
            heard(answer);
            await Task.Delay(interval, time, cancellation);
            var longest = time.GetElapsedTime(started) < EagerPeriod ? EagerInterval : PatientInterval;
            interval = interval < longest ? interval * 1.1 : longest;
        }
    }

    /// <summary>Probes once, without requesting passthrough from a mesh.</summary>
    public Task<ProbeAnswer> AskAsync(Destination destination, CancellationToken cancellation) =>
        AskAsync(destination, Headers, cancellation);

    /// <summary>Waits for the normal interval between two attempts.</summary>
    public Task PauseAsync(CancellationToken cancellation) => Task.Delay(PatientInterval, time, cancellation);

    private static KeyValuePair<string, string>[] HeadersFor(string? meshHost) =>
        meshHost is null ? Headers : [.. Headers, new("Host", meshHost), new(DataplaneHeaders.PassthroughLoadBalancing, "true")];

    private async Task<ProbeAnswer> AskAsync(
        Destination destination,
        KeyValuePair<string, string>[] headers,
        CancellationToken cancellation
    )
    {
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        attempt.CancelAfter(AttemptTimeout);
        var unanswered = ProbeAnswer.MayBeMesh;
        try
        {
            var answer = await AskAsync(destination.Host, destination.Port, headers, secured: false, attempt.Token);
            if (answer != ProbeAnswer.Ready || tls?.Invoke(destination.Namespace) is null)
                return answer;

            // The pod was reached, so no mesh blocks it: only its certificate is missing.
            unanswered = ProbeAnswer.NotReady;
            var byTls = await AskAsync(destination.Host, destination.TlsPort ?? tlsPort, headers, secured: true, attempt.Token);
            return byTls == ProbeAnswer.Ready ? byTls : unanswered;
        }
        catch (Exception exception) when (exception is SocketException or IOException or AuthenticationException)
        {
            return unanswered;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return unanswered;
        }
    }

    private static async Task<ProbeAnswer> AskAsync(
        string host,
        int port,
        KeyValuePair<string, string>[] headers,
        bool secured,
        CancellationToken cancellation
    ) =>
        await HttpProbe.GetAsync(host, port, "/healthz", headers, secured, cancellation) switch
        {
            { Status: 200, Body: DataplaneHeaders.QueueName } => ProbeAnswer.Ready,
            { Status: 502 or 503 } => ProbeAnswer.MayBeMesh,
            _ => ProbeAnswer.NotReady,
        };
}
