using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Serving.Dataplane;

/// <summary>.NET's HTTP clients, one for clear text and one for each way to verify a destination, without anything that would change a request.</summary>
internal sealed class ClientPools(UpstreamOptions options) : IDisposable
{
    private const int MaxTlsPools = 256;
    private static readonly int ResponseHeaderKilobytes = 256;

    private readonly HttpMessageInvoker _plain = new(Handler(options, null));
    private readonly ConcurrentDictionary<UpstreamTls, HttpMessageInvoker> _tls = new();

    /// <summary>The client for destinations that are verified in this way; null for clear text.</summary>
    public HttpMessageInvoker For(UpstreamTls? tls)
    {
        if (tls is null) return _plain;
        if (_tls.TryGetValue(tls, out var pool)) return pool;

        // Trust that changes leaves pools behind; requests in flight keep theirs alive, idle ones are collected.
        if (_tls.Count >= MaxTlsPools) _tls.Clear();
        return _tls.GetOrAdd(tls, key => new HttpMessageInvoker(Handler(options, key)));
    }

    public void Dispose()
    {
        _plain.Dispose();
        foreach (var pool in _tls.Values) pool.Dispose();
    }

    /// <summary>A handler of clients.</summary>
    /// <param name="options">How to connect.</param>
    /// <param name="tls">How to verify the destination; null for clear text.</param>
    /// <param name="connecting">Called before each connection is made; may throw to refuse it.</param>
    internal static SocketsHttpHandler Handler(UpstreamOptions options, UpstreamTls? tls, Action? connecting = null) => new()
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = (context, cancellation) =>
        {
            connecting?.Invoke();
            return ConnectAsync(context, options.ConnectTimeout, tls, cancellation);
        },
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxResponseHeadersLength = ResponseHeaderKilobytes,
        PooledConnectionIdleTimeout = options.IdleConnectionTimeout,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        UseCookies = false,
        UseProxy = false,
    };

    // TLS is spoken here, as the client would verify the Host of the request instead of the destination's own name.
    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, TimeSpan timeout, UpstreamTls? tls, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, deadline.Token);
            var stream = new NetworkStream(socket, ownsSocket: true);
            if (tls is null) return stream;
            var protocol = context.InitialRequestMessage.Version.Major == 2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11;
            return await TlsHandshake.OverAsync(stream, tls, protocol, deadline.Token);
        }
        catch (Exception exception)
        {
            socket.Dispose();
            if (exception is not OperationCanceledException || cancellation.IsCancellationRequested) throw;
            throw new TimeoutException($"No connection to {context.DnsEndPoint.Host}:{context.DnsEndPoint.Port} within {timeout}.");
        }
    }
}
