using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Serving.Dataplane.Servers;

/// <summary>
/// A Kestrel server without a host: HTTP/1.1 and HTTP/2 on one port, no limits unsuitable for a proxy, and no per-request work besides
/// calling the handler. To drain without losing requests, call <see cref="BeginDrain"/>, then <see cref="StopAsync"/>.
/// </summary>
public sealed class DataplaneServer : IAsyncDisposable
{
    private static readonly TimeSpan StopStep = TimeSpan.FromMilliseconds(20);

    /// <summary>Bytes buffered per connection before its client is paused.</summary>
    private const int ReadBuffer = 64 * 1024;

    /// <summary>The HTTP/2 flow-control windows, per connection and per stream.</summary>
    private const int ConnectionWindow = 512 * 1024;
    private const int StreamWindow = 256 * 1024;

    private readonly KestrelServer _server;
    private readonly RequestLoop _loop;
    private readonly DataplaneServerOptions _options;

    /// <summary>Creates a server that is not listening yet.</summary>
    /// <param name="options">Where and how to serve.</param>
    /// <param name="handler">Handles each request. If it throws, the response is a 500 and the exception is logged.</param>
    public DataplaneServer(DataplaneServerOptions options, RequestDelegate handler)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handler);
        if (options.Endpoints.Count == 0)
            throw new ArgumentException("Endpoints is empty: a server needs at least one endpoint.", nameof(options));
        _options = options;
        _loop = new RequestLoop(handler, options.HeadBudget, options.LoggerFactory.CreateLogger<DataplaneServer>());

        var sockets = new SocketTransportOptions
        {
            UnsafePreferInlineScheduling = options.InlineScheduling,
            Backlog = 4096,
            MaxReadBufferSize = ReadBuffer,
        };
        var transport = new SilentEndpointTransport(new SocketTransportFactory(Options.Create(sockets), options.LoggerFactory));
        _server = new KestrelServer(Options.Create(Configure(options)), transport, new ServerLoggers(options.LoggerFactory));
    }

    /// <summary>The addresses it listens on, in the order of the options' endpoints, with the assigned ports. Available once
    /// started.</summary>
    public IReadOnlyList<IPEndPoint> Endpoints { get; private set; } = [];

    /// <summary>Requests being handled.</summary>
    public int RequestsInFlight => _loop.InFlight;

    /// <summary>Starts listening.</summary>
    /// <exception cref="IOException">An address is in use; the message contains it.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _server.StartAsync(_loop, cancellation);
        var addresses = _server.Features.Get<IServerAddressesFeature>()!.Addresses;
        Endpoints = [.. addresses.Where(address => !address.Contains(SilentEndPoint.Name, StringComparison.Ordinal)).Select(ParseAddress)];
    }

    /// <summary>From now on every response asks its client to reconnect elsewhere (Connection: close, GOAWAY). Still accepts
    /// connections.</summary>
    public void BeginDrain() => _loop.BeginDrain();

    /// <summary>
    /// Stops accepting and waits for requests in flight; on cancellation the remaining ones are aborted. Upgraded connections have no way
    /// to be asked to end, so they are aborted after <see cref="DataplaneServerOptions.UpgradedGrace"/>.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        _loop.BeginDrain();
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var stopping = _server.StopAsync(cut.Token);
        var time = _options.Time;
        long? onlyUpgraded = null;
        while (!stopping.IsCompleted)
        {
            var upgraded = _loop.Upgraded;
            if (upgraded == 0 || upgraded != _loop.InFlight)
                onlyUpgraded = null;
            else
                onlyUpgraded ??= time.GetTimestamp();
            if (onlyUpgraded is { } since && time.GetElapsedTime(since) >= _options.UpgradedGrace)
                await cut.CancelAsync();
            await Task.WhenAny(stopping, Task.Delay(StopStep, time, CancellationToken.None));
        }

        await stopping;
    }

    /// <summary>Aborts the remaining connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        _server.Dispose();
    }

    private static IPEndPoint ParseAddress(string address)
    {
        var uri = new Uri(address);
        return new IPEndPoint(IPAddress.Parse(uri.Host.Trim('[', ']')), uri.Port);
    }

    /// <summary>Maps IPv4-mapped IPv6 peer addresses of a dual-stack socket back to IPv4, for X-Forwarded-For and logs.</summary>
    internal static ConnectionContext WithPlainAddress(ConnectionContext connection)
    {
        if (connection.RemoteEndPoint is IPEndPoint { Address.IsIPv4MappedToIPv6: true } peer)
        {
            connection.RemoteEndPoint = new IPEndPoint(peer.Address.MapToIPv4(), peer.Port);
        }

        return connection;
    }

    private KestrelServerOptions Configure(DataplaneServerOptions options)
    {
        var kestrel = new KestrelServerOptions
        {
            AddServerHeader = false,
            AllowAlternateSchemes = true,
            AllowHostHeaderOverride = true,
            AllowSynchronousIO = false,
            ApplicationServices = NoServices.Instance,
            RequestHeaderEncodingSelector = HeaderEncodings.Of,
            ResponseHeaderEncodingSelector = static _ => Encoding.Latin1,
        };
        var limits = kestrel.Limits;
        limits.KeepAliveTimeout = options.KeepAliveTimeout;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxRequestBodySize = null;
        limits.MaxRequestBufferSize = options.MaxHeaderBytes;
        limits.MaxRequestHeaderCount = 1000;
        limits.MaxRequestHeadersTotalSize = options.MaxHeaderBytes;
        limits.MaxRequestLineSize = options.MaxHeaderBytes;
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        limits.RequestHeadersTimeout = options.HeadersTimeout;
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        limits.Http2.MaxRequestHeaderFieldSize = options.MaxHeaderBytes;
        limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        limits.Http2.InitialStreamWindowSize = StreamWindow;
        limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;

        // Kestrel serves clear-text HTTP/2 only on endpoints of its own. This one never accepts a connection; it provides the pipeline
        // to which connections of other endpoints are routed when they start with the HTTP/2 preface.
        ConnectionDelegate? http2 = null;
        kestrel.Listen(
            SilentEndPoint.Instance,
            listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(next => http2 = next);
            }
        );
        var unfinished = new UnfinishedHeads((int)Math.Clamp(options.HeadBudget.Capacity / 16 / options.MaxHeaderBytes, 4, 1000));
        ConnectionDelegate watched = connection =>
            Http2Watch.ServeAsync(connection, http2!, options.HeadersTimeout, unfinished, options.HeadBudget, TimeProvider.System);
        foreach (var endpoint in options.Endpoints)
        {
            kestrel.Listen(
                new IPEndPoint(endpoint.Address, endpoint.Port),
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(static next => connection => next(WithPlainAddress(connection)));
                    listen.Use(next => new HalfClosedClients(next, options.HalfClosedTimeout, TimeProvider.System).OnConnectionAsync);
                    if (endpoint.Certificates is null)
                    {
                        listen.Use(next => new PrefaceSwitch(next, () => watched, _options.HeadersTimeout).OnConnectionAsync);
                    }
                    else
                    {
                        var tls = new TlsTermination(
                            endpoint,
                            _options.HeadersTimeout,
                            _options.LoggerFactory.CreateLogger<DataplaneServer>()
                        );
                        listen.Use(next =>
                        {
                            // Kestrel has no timeout for the first byte after a handshake.
                            var first = new PrefaceSwitch(next, () => watched, _options.HeadersTimeout);
                            return connection => tls.OnConnectionAsync(connection, first.OnConnectionAsync, watched);
                        });
                    }
                }
            );
        }

        return kestrel;
    }

    private sealed class NoServices : IServiceProvider
    {
        public static NoServices Instance { get; } = new();

        public object? GetService(Type serviceType) => null;
    }
}
