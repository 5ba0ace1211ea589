using System.Net;
using System.Net.Security;
using Serving.Concurrency.Sockets;
using Serving.Dataplane.ProxyProtocol;

namespace Serving.Networking.Layers.Probing;

/// <summary>
/// Sends a probe to one pod, with the host in the URL and, for TLS, as server name. The certificate is not checked: a probe tells whether
/// the data plane is configured, not whether clients will trust it. Each probe has a connection of its own, since a pooled one would be
/// shared by the pods that serve the same host.
/// </summary>
/// <param name="time">The clock of the time-out.</param>
public sealed class HttpIngressProbe(TimeProvider time) : IIngressProbe
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task<ProbeResult> SendAsync(ProbeTarget target, string hash, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(target);
        using var timeout = new CancellationTokenSource(RequestTimeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        using var http = new HttpMessageInvoker(HandlerTo(target));
        using var request = new HttpRequestMessage(HttpMethod.Get, target.Url);
        NetworkProbeRequest.AddHeaders(request);
        try
        {
            using var response = await http.SendAsync(request, stop.Token);
            return Judge(response.StatusCode, NetworkProbeRequest.HashOf(response), hash);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new ProbeResult(
                false,
                timeout.IsCancellationRequested ? $"no response within {RequestTimeout.TotalSeconds} s" : error.Message
            );
        }
    }

    /// <summary>
    /// A response with the hash is conclusive, and so is 404 or 503, which a data plane sends before it has the route. Nothing follows from
    /// any other response, such as a redirect or a refusal by an extension of the data plane; then the Ingress counts as routed, because
    /// otherwise it would never be ready.
    /// </summary>
    internal static ProbeResult Judge(HttpStatusCode status, string? found, string wanted) =>
        (status, found) switch
        {
            (HttpStatusCode.OK, null or "") => new ProbeResult(true, "the response has no K-Network-Hash header"),
            (HttpStatusCode.OK, _) when found == wanted => new ProbeResult(true),
            (HttpStatusCode.OK, _) => new ProbeResult(false, $"it routes version {found}, not {wanted}"),
            (HttpStatusCode.NotFound or HttpStatusCode.ServiceUnavailable, _) => new ProbeResult(false, $"it responds with {(int)status}"),
            _ => new ProbeResult(true, $"it responds with {(int)status}, which says nothing about its version"),
        };

    private static SocketsHttpHandler HandlerTo(ProbeTarget target)
    {
        var handler = PoolConnections.CreateHandler();
        handler.ActivityHeadersPropagator = null;
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.UseProxy = false;
        handler.ConnectCallback = (_, cancellation) =>
            PoolConnections.ConnectAsync(
                target.Pod,
                target.SpeaksProxyProtocol ? static socket => ProxyHeaderWriter.Proxied(socket) : null,
                cancellation
            );
#pragma warning disable CA5359 // Nothing secret is sent, and the response is not trusted beyond "is configured".
        handler.SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true };
#pragma warning restore CA5359
        return handler;
    }
}
