using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Serving.Dataplane.Upstreams.Http2;

namespace Serving.Dataplane.Upstreams;

/// <summary>.NET HTTP clients, one for clear text and one per <see cref="UpstreamTls"/>, with every feature that would change a request
/// disabled.</summary>
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

    /// <summary>The client for a TLS verification; null for clear text.</summary>
    public HttpMessageInvoker For(UpstreamTls? tls)
    {
        if (tls is null)
            return _plain;
        if (_tls.TryGetValue(tls, out var pool))
            return pool;

        // Replaced trust leaves pools behind: requests in flight keep theirs alive, idle ones are collected.
        if (_tls.Count >= MaxTlsPools)
            _tls.Clear();
        return _tls.GetOrAdd(tls, Fresh);
    }

    /// <summary>Creates a client without connections, for a request that must not use a reused one. The caller disposes it.</summary>
    public HttpMessageInvoker Fresh(UpstreamTls? tls) =>
        new(Handler(_options, (context, cancellation) => ConnectAsync(context, tls, cancellation)));

    /// <summary>
    /// Whether a request was sent on a reused connection: no connection to its destination was opened since the request started. For
    /// long-running requests this is no longer known.
    /// </summary>
    public bool WasUsed(SessionRequest request) =>
        Stopwatch.GetElapsedTime(request.Began) < Memory
        && (!_connected.TryGetValue(request.RequestUri!.Authority, out var last) || last < request.Began);

    public void Dispose()
    {
        _plain.Dispose();
        foreach (var pool in _tls.Values)
            pool.Dispose();
    }

    // The client opens connections one after the other, one per waiting request. When a destination does not respond, each request would
    // wait for its own timeout after those before it, so a request that waited while an attempt failed fails with that attempt.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, UpstreamTls? tls, CancellationToken cancellation)
    {
        var authority = context.InitialRequestMessage.RequestUri!.Authority;
        if (
            _failed.TryGetValue(authority, out var last)
            && context.InitialRequestMessage is SessionRequest { Began: var began }
            && began < last
        )
            throw new TimeoutException($"No connection to {authority}: the previous attempt failed while this one waited.");
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
        if (times.Count <= MaxRemembered)
            return;
        foreach (var entry in times)
        {
            if (Stopwatch.GetElapsedTime(entry.Value) > Memory)
                times.TryRemove(entry);
        }
    }

    /// <summary>Creates a handler for HTTP clients.</summary>
    /// <param name="options">Connection options.</param>
    /// <param name="tls">How to verify the destination; null for clear text.</param>
    /// <param name="connecting">Called before each connection is opened; may throw to prevent it.</param>
    internal static SocketsHttpHandler Handler(UpstreamOptions options, UpstreamTls? tls, Action connecting) =>
        Handler(
            options,
            (context, cancellation) =>
            {
                connecting();
                return ConnectAsync(context, options.ConnectTimeout, tls, cancellation);
            }
        );

    private static SocketsHttpHandler Handler(
        UpstreamOptions options,
        Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> connect
    ) =>
#pragma warning disable RS0030 // This is the data path.
        new()
#pragma warning restore RS0030
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

    // TLS is handled here, because the client would verify the request's Host instead of the destination's own name.
    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        TimeSpan timeout,
        UpstreamTls? tls,
        CancellationToken cancellation
    )
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, deadline.Token);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            var http2 = context.InitialRequestMessage.Version.Major == 2;
            if (tls is not null)
                stream = await TlsHandshake.OverAsync(
                    stream,
                    tls,
                    http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11,
                    deadline.Token
                );
            return http2 ? new SessionStream(stream) : stream;
        }
        catch (Exception exception)
        {
            socket.Dispose();
            if (exception is not OperationCanceledException || cancellation.IsCancellationRequested)
                throw;
            throw new TimeoutException($"No connection to {context.DnsEndPoint.Host}:{context.DnsEndPoint.Port} within {timeout}.");
        }
    }
}
