using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api.Networking;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Gateway.Readiness;

/// <summary>Probes the cluster-local listener of a gateway in another process for the version of an Ingress that it routes.</summary>
internal sealed partial class ReplicaProbe : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly ILogger _logger;
    private readonly HttpMessageInvoker _http = new(
        new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = Timeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
        }
    );

    public ReplicaProbe(ILogger logger) => _logger = logger;

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
