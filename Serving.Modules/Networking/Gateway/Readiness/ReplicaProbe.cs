using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api.Networking;
using Serving.Concurrency.Sockets;
using Serving.Dataplane.ProxyProtocol;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Gateway.Readiness;

/// <summary>Probes the cluster-local listener of a gateway in another process for the version of an Ingress that it routes.</summary>
internal sealed partial class ReplicaProbe : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly Func<bool> _speaksProxyProtocol;
    private readonly ILogger _logger;
    private readonly HttpMessageInvoker _http;

    /// <param name="speaksProxyProtocol">Whether the listeners require the PROXY protocol; asked for each new connection.</param>
    /// <param name="logger">Logs failures.</param>
    public ReplicaProbe(Func<bool> speaksProxyProtocol, ILogger logger)
    {
        (_speaksProxyProtocol, _logger) = (speaksProxyProtocol, logger);
        var handler = PoolConnections.CreateHandler();
        handler.ActivityHeadersPropagator = null;
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.UseProxy = false;
        handler.ConnectTimeout = Timeout;
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10);
        handler.ConnectCallback = ConnectAsync;
        _http = new HttpMessageInvoker(handler);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Whether the gateway at this address routes this version. Probing one host is enough, because tables are replaced as a
    /// whole.</summary>
    public async Task<bool> HasAsync(IPEndPoint replica, Ingress ingress, string hash, CancellationToken cancellation)
    {
        if (Request(replica, ingress) is not { } request)
        {
            return true;
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Timeout);
        try
        {
            using var _ = request;
            using var response = await _http.SendAsync(request, deadline.Token);
            return response.StatusCode == HttpStatusCode.OK && NetworkProbeRequest.HashOf(response) == hash;
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            LogUnreachable(_logger, replica, error.Message);
            return false;
        }
    }

    private ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation) =>
        PoolConnections.ConnectAsync(
            context.DnsEndPoint,
            _speaksProxyProtocol() ? static _ => ProxyHeaderWriter.Local() : null,
            cancellation
        );

    /// <summary>A request that matches the first route of the Ingress; null if it has none.</summary>
    private static HttpRequestMessage? Request(IPEndPoint replica, Ingress ingress)
    {
        var rule = ingress.Spec.Rules.FirstOrDefault(static rule => rule.Http is { Paths.Count: > 0 });
        if (rule?.Http is not { } http)
        {
            return null;
        }

        var path = http.Paths[0];
        var request = new HttpRequestMessage(
            HttpMethod.Get,
            $"http://{replica}{(path.Path.StartsWith('/') ? path.Path : "/" + path.Path)}"
        );
        request.Headers.Host = rule.Hosts.Count == 0 ? "probe" : rule.Hosts[0].Replace("*", "probe", StringComparison.Ordinal);
        foreach (var (name, match) in path.Headers ?? new Dictionary<string, HeaderMatch>())
        {
            request.Headers.TryAddWithoutValidation(name, match.Exact);
        }

        NetworkProbeRequest.AddHeaders(request);
        return request;
    }

    [LoggerMessage(1, LogLevel.Debug, "The gateway at {Replica} is unreachable: {Reason}")]
    private static partial void LogUnreachable(ILogger logger, IPEndPoint replica, string reason);
}
