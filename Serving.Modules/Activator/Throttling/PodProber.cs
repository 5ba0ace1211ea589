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
    /// <param name="pod">The pod.</param>
    /// <param name="meshHost">The Host by which a mesh lets probes through to the pod; null where it is not asked to.</param>
    /// <param name="heard">Called with each other answer, before the next attempt.</param>
    /// <param name="cancellation">Ends the attempts.</param>
    /// <exception cref="OperationCanceledException">Nobody wants to know any longer.</exception>
    public async Task WaitUntilReadyAsync(Destination pod, string? meshHost, Action<ProbeAnswer> heard, CancellationToken cancellation)
    {
        var headers = HeadersFor(meshHost);
        var started = time.GetTimestamp();
        var interval = FirstInterval;
        while (true)
        {
            var answer = await AskAsync(pod, headers, cancellation);
            if (answer == ProbeAnswer.Ready) return;
            heard(answer);
            await Task.Delay(interval, time, cancellation);
            var longest = time.GetElapsedTime(started) < EagerPeriod ? EagerInterval : PatientInterval;
            interval = interval < longest ? interval * 1.1 : longest;
        }
    }

    /// <summary>Asks once; a mesh is not asked to let it through.</summary>
    public Task<ProbeAnswer> AskAsync(Destination destination, CancellationToken cancellation) => AskAsync(destination, Headers, cancellation);

    /// <summary>Waits as long as between two attempts that are in no hurry.</summary>
    public Task PauseAsync(CancellationToken cancellation) => Task.Delay(PatientInterval, time, cancellation);

    private static KeyValuePair<string, string>[] HeadersFor(string? meshHost) => meshHost is null
        ? Headers
        : [.. Headers, new("Host", meshHost), new(DataplaneHeaders.PassthroughLoadBalancing, "true")];

    private async Task<ProbeAnswer> AskAsync(Destination destination, KeyValuePair<string, string>[] headers, CancellationToken cancellation)
    {
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        attempt.CancelAfter(AttemptTimeout);
        var unanswered = ProbeAnswer.MayBeMesh;
        try
        {
            var answer = await AskAsync(destination.Host, destination.Port, headers, secured: false, attempt.Token);
            if (answer != ProbeAnswer.Ready || tls?.Invoke(destination.Namespace) is null) return answer;

            // It was reached, so nothing is in the way: what is missing is its certificate.
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

    private static async Task<ProbeAnswer> AskAsync(string host, int port, KeyValuePair<string, string>[] headers, bool secured, CancellationToken cancellation) =>
        await HttpProbe.GetAsync(host, port, "/healthz", headers, secured, cancellation) switch
        {
            { Status: 200, Body: DataplaneHeaders.QueueName } => ProbeAnswer.Ready,
            { Status: 502 or 503 } => ProbeAnswer.MayBeMesh,
            _ => ProbeAnswer.NotReady,
        };
}
