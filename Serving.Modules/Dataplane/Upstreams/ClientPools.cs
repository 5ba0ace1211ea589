using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Serving.Dataplane.Http2;

namespace Serving.Dataplane;

/// <summary>.NET's HTTP clients, one for clear text and one for each way to verify a destination, without anything that would change a request.</summary>
internal sealed class ClientPools : IDisposable
{
    private const int MaxTlsPools = 256;
    private const int MaxRemembered = 1024;
    private static readonly int ResponseHeaderKilobytes = 256;
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);

    private readonly UpstreamOptions _options;
    private readonly HttpMessageInvoker _plain;
    private readonly ConcurrentDictionary<UpstreamTls, HttpMessageInvoker> _tls = new();
    private readonly ConcurrentDictionary<string, long> _connected = new();

    public ClientPools(UpstreamOptions options)
    {
        _options = options;
        _plain = Fresh(null);
    }

    /// <summary>The client for destinations that are verified in this way; null for clear text.</summary>
    public HttpMessageInvoker For(UpstreamTls? tls)
    {
        if (tls is null) return _plain;
        if (_tls.TryGetValue(tls, out var pool)) return pool;

        // Trust that changes leaves pools behind; requests in flight keep theirs alive, idle ones are collected.
        if (_tls.Count >= MaxTlsPools) _tls.Clear();
        return _tls.GetOrAdd(tls, Fresh);
    }

    /// <summary>A client without a connection yet, for whoever must not meet one that was used before. The caller disposes it.</summary>
    public HttpMessageInvoker Fresh(UpstreamTls? tls) => new(Handler(_options, tls, connected: Remember));

    /// <summary>
    /// Whether a request went out on a connection that had been used by others before: none was made to its destination since it began. Of one
    /// that is long under way nobody knows any more.
    /// </summary>
    /// <param name="authority">The authority of the request's URI.</param>
    /// <param name="began">When the request began.</param>
    public bool WasUsed(string authority, long began) =>
        Stopwatch.GetElapsedTime(began) < Memory && (!_connected.TryGetValue(authority, out var last) || last < began);

    public void Dispose()
    {
        _plain.Dispose();
        foreach (var pool in _tls.Values) pool.Dispose();
    }

    private void Remember(string authority)
    {
        _connected[authority] = Stopwatch.GetTimestamp();
        if (_connected.Count <= MaxRemembered) return;
        foreach (var entry in _connected)
        {
            if (Stopwatch.GetElapsedTime(entry.Value) > Memory) _connected.TryRemove(entry);
        }
    }

    /// <summary>A handler of clients.</summary>
    /// <param name="options">How to connect.</param>
    /// <param name="tls">How to verify the destination; null for clear text.</param>
    /// <param name="connecting">Called before each connection is made; may throw to refuse it.</param>
    /// <param name="connected">Called with the authority of each connection that was made.</param>
    internal static SocketsHttpHandler Handler(UpstreamOptions options, UpstreamTls? tls, Action? connecting = null, Action<string>? connected = null) => new()
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = async (context, cancellation) =>
        {
            connecting?.Invoke();
            var connection = await ConnectAsync(context, options.ConnectTimeout, tls, cancellation);
            connected?.Invoke(context.InitialRequestMessage.RequestUri!.Authority);
            return connection;
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
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            var http2 = context.InitialRequestMessage.Version.Major == 2;
            if (tls is not null) stream = await TlsHandshake.OverAsync(stream, tls, http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11, deadline.Token);
            return http2 ? new SessionStream(stream) : stream;
        }
        catch (Exception exception)
        {
            socket.Dispose();
            if (exception is not OperationCanceledException || cancellation.IsCancellationRequested) throw;
            throw new TimeoutException($"No connection to {context.DnsEndPoint.Host}:{context.DnsEndPoint.Port} within {timeout}.");
        }
    }
}
