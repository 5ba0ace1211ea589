using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using Serving.Concurrency.Sockets;
using Serving.Dataplane;
using Serving.Dataplane.Probes;

namespace Serving.QueueProxy.Readiness;

/// <summary>Performs a single probe.</summary>
internal sealed partial class ProbeAttempt(ReadinessProbe probe, bool detectHttp2, TimeProvider time, ILogger logger)
{
    /// <summary>Probes the container.</summary>
    /// <param name="timeout">The timeout of the probe.</param>
    /// <param name="report">Whether to log a failure.</param>
    public async Task<ProbeOutcome> RunAsync(TimeSpan timeout, bool report)
    {
        string reason;
        var outcome = ProbeOutcome.Failed;
        try
        {
            if (await AskAsync(timeout) is not { } failure)
                return ProbeOutcome.Ready;
            reason = failure;
        }
        catch (OperationCanceledException)
        {
            reason = $"no response within {timeout.TotalSeconds} s";
        }
        catch (Exception exception) when (exception is SocketException or IOException or HttpRequestException or AuthenticationException)
        {
            if (exception.GetBaseException() is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
                outcome = ProbeOutcome.Refused;
            reason = exception.Message;
        }

        if (report)
            LogFailed(logger, probe.Kind, probe.Port, reason);
        return outcome;
    }

    // The reason why it is not ready; null if it is.
    private async Task<string?> AskAsync(TimeSpan timeout)
    {
        // If HTTP/2 hangs, HTTP/1.1 must still get its full timeout.
        if (probe.Kind == ProbeKind.Http && detectHttp2 && !probe.Tls && await IsReadyOverHttp2Async(timeout))
            return null;
        using var deadline = new CancellationTokenSource(timeout, time);
        switch (probe.Kind)
        {
            case ProbeKind.Tcp:
                await TcpProbe.ConnectAsync(probe.Host, probe.Port, deadline.Token);
                return null;
            case ProbeKind.Http:
                var result = await HttpProbe.GetAsync(probe.Host, probe.Port, probe.Path, probe.Headers, probe.Tls, deadline.Token);
                return result.IsReady ? null : $"status {result.Status}";
            default:
                return await GrpcProbe.CheckAsync(probe.Host, probe.Port, probe.Path, deadline.Token)
                    ? null
                    : "the gRPC health service does not report SERVING";
        }
    }

    private async Task<bool> IsReadyOverHttp2Async(TimeSpan timeout)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        using var handler = PoolConnections.CreateHandler();
        handler.UseProxy = false;
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{probe.Host}:{probe.Port}/{probe.Path.TrimStart('/')}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("User-Agent", DataplaneHeaders.KubeProbeUserAgentPrefix);
        foreach (var (name, value) in probe.Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        try
        {
            using var response = await client.SendAsync(request, deadline.Token);
            return (int)response.StatusCode is >= 200 and < 400;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            // No HTTP/2, or not yet; try HTTP/1.1 next.
            return false;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The {Kind} probe of port {Port} failed: {Reason}.")]
    private static partial void LogFailed(ILogger logger, ProbeKind kind, int port, string reason);
}
