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
    private readonly ConcurrentDictionary<string, long> _failed = new();

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
    public HttpMessageInvoker Fresh(UpstreamTls? tls) => new(Handler(_options, (context, cancellation) => ConnectAsync(context, tls, cancellation)));

    /// <summary>
    /// Whether a request went out on a connection that had been used by others before: none was made to its destination since it began. Of one
    /// that is long under way nobody knows any more.
    /// </summary>
    public bool WasUsed(SessionRequest request) =>
        Stopwatch.GetElapsedTime(request.Began) < Memory && (!_connected.TryGetValue(request.RequestUri!.Authority, out var last) || last < request.Began);

    public void Dispose()
    {
        _plain.Dispose();
        foreach (var pool in _tls.Values) pool.Dispose();
    }

    // The client makes one connection after the other, for one waiting request each. Where nobody answers each would take its whole time limit
    // behind those before it, so one that waited while an attempt failed has failed with it.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, UpstreamTls? tls, CancellationToken cancellation)
    {
        var authority = context.InitialRequestMessage.RequestUri!.Authority;
        if (_failed.TryGetValue(authority, out var last) && context.InitialRequestMessage is SessionRequest { Began: var began } && began < last)
            throw new TimeoutException($"No connection to {authority}: the attempt before failed while this one waited.");
        try
        {
            var connection = await ConnectAsync(context, _options.ConnectTimeout, tls, cancellation);
            _failed.TryRemove(authority, out _);
            Remember(_connected, authority);
            return connection;
        }
        catch (Exception exception) when (exception is SocketException or IOException or TimeoutException)
        {
            Remember(_failed, authority);
            throw;
        }
    }

    private static void Remember(ConcurrentDictionary<string, long> times, string authority)
    {
        times[authority] = Stopwatch.GetTimestamp();
        if (times.Count <= MaxRemembered) return;
        foreach (var entry in times)
        {
            if (Stopwatch.GetElapsedTime(entry.Value) > Memory) times.TryRemove(entry);
        }
    }

    /// <summary>A handler of clients.</summary>
    /// <param name="options">How to connect.</param>
    /// <param name="tls">How to verify the destination; null for clear text.</param>
    /// <param name="connecting">Called before each connection is made; may throw to refuse it.</param>
    internal static SocketsHttpHandler Handler(UpstreamOptions options, UpstreamTls? tls, Action connecting) => Handler(options, (context, cancellation) =>
    {
        connecting();
        return ConnectAsync(context, options.ConnectTimeout, tls, cancellation);
    });

    private static SocketsHttpHandler Handler(UpstreamOptions options, Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> connect) => new()
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = connect,
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
