using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Serving.Dataplane;
using Serving.Dataplane.Probes;

namespace Serving.QueueProxy.Readiness;

/// <summary>
/// Tells whether the user's containers are ready. However many ask at once, one round of probes runs, and all of them
/// get its result. A probe without a period is repeated every few milliseconds until it succeeds.
/// </summary>
internal sealed partial class UserProber(IReadOnlyList<ReadinessProbe> probes, bool detectHttp2, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan RoundLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AggressiveTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMilliseconds(25);

    private readonly Lock _lock = new();
    private Task<bool>? _round;

    /// <summary>Runs, or joins, a round of probes.</summary>
    public Task<bool> ProbeAsync()
    {
        if (probes.Count == 0) return Task.FromResult(true);
        lock (_lock)
        {
            if (_round is { IsCompleted: false } running) return running;
            return _round = Task.Run(RoundAsync);
        }
    }

    private async Task<bool> RoundAsync()
    {
        if (probes.Count == 1) return await RunAsync(probes[0]);
        var results = await Task.WhenAll(probes.Select(RunAsync));
        return Array.TrueForAll(results, static ready => ready);
    }

    private async Task<bool> RunAsync(ReadinessProbe probe)
    {
        if (!probe.Aggressive) return await TryAsync(probe, probe.Timeout, last: true);
        var started = time.GetTimestamp();
        var interval = FirstInterval;
        var successes = 0;
        while (true)
        {
            var last = time.GetElapsedTime(started) >= RoundLimit;
            successes = await TryAsync(probe, AggressiveTimeout, last) ? successes + 1 : 0;
            if (successes >= probe.SuccessThreshold) return true;
            if (last) return false;
            await Task.Delay(interval, time);

            // Fast while it is about to start, then easier on a container that takes its time.
            if (interval < LongestInterval) interval *= 1.1;
        }
    }

    private async Task<bool> TryAsync(ReadinessProbe probe, TimeSpan timeout, bool last)
    {
        try
        {
            // HTTP/2 that hangs must leave HTTP/1.1 all of its own time.
            if (probe.Kind == ProbeKind.Http && detectHttp2 && !probe.Tls && await IsReadyOverHttp2Async(probe, timeout)) return true;
            using var deadline = new CancellationTokenSource(timeout, time);
            switch (probe.Kind)
            {
                case ProbeKind.Tcp:
                    await TcpProbe.ConnectAsync(probe.Host, probe.Port, deadline.Token);
                    return true;
                case ProbeKind.Http:
                    return await GetAsync(probe, last, deadline.Token);
                default:
                    var serving = await GrpcProbe.CheckAsync(probe.Host, probe.Port, probe.Path, deadline.Token);
                    if (last && !serving) LogFailed(logger, probe.Kind, probe.Port, "the gRPC health service does not say that it serves");
                    return serving;
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException or HttpRequestException or OperationCanceledException
                                              or System.Security.Authentication.AuthenticationException)
        {
            if (last) LogFailed(logger, probe.Kind, probe.Port, exception is OperationCanceledException ? $"no answer within {timeout.TotalSeconds} s" : exception.Message);
            return false;
        }
    }

    private async Task<bool> GetAsync(ReadinessProbe probe, bool last, CancellationToken cancellation)
    {
        var result = await HttpProbe.GetAsync(probe.Host, probe.Port, probe.Path, probe.Headers, probe.Tls, cancellation);
        if (last && !result.IsReady) LogFailed(logger, probe.Kind, probe.Port, $"status {result.Status}");
        return result.IsReady;
    }

    private async Task<bool> IsReadyOverHttp2Async(ReadinessProbe probe, TimeSpan timeout)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        using var handler = new SocketsHttpHandler { UseProxy = false };
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{probe.Host}:{probe.Port}/{probe.Path.TrimStart('/')}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("User-Agent", DataplaneHeaders.KubeProbeUserAgentPrefix);
        foreach (var (name, value) in probe.Headers) request.Headers.TryAddWithoutValidation(name, value);
        try
        {
            using var response = await client.SendAsync(request, deadline.Token);
            return (int)response.StatusCode is >= 200 and < 400;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            // It does not speak HTTP/2, or not yet; HTTP/1.1 is asked next.
            return false;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The {Kind} probe of port {Port} failed: {Reason}.")]
    private static partial void LogFailed(ILogger logger, ProbeKind kind, int port, string reason);
}
