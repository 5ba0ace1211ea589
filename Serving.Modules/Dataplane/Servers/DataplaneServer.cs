using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Dataplane.ProxyProtocol;
using Serving.Dataplane.Requests;

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
    private readonly KestrelServerLimits _kestrel;
    private readonly UnfinishedHeads _unfinished = new(0);
    private readonly RequestLoop _loop;
    private readonly DataplaneServerOptions _options;
    private volatile ServerLimits _limits;
    private readonly ConnectionCount[] _connections;

    /// <summary>Creates a server that is not listening yet.</summary>
    /// <param name="options">Where and how to serve.</param>
    /// <param name="handler">Handles each request. If it throws, the response is a 500 and the exception is logged.</param>
    public DataplaneServer(DataplaneServerOptions options, RequestDelegate handler)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handler);
        if (options.Endpoints.Count == 0)
            throw new ArgumentException("Endpoints is empty: a server needs at least one endpoint.", nameof(options));
        RefusedRequests.Declare();
        _options = options;
        _limits = options.Limits;
        _connections = [.. options.Endpoints.Select(static _ => new ConnectionCount())];
        _loop = new RequestLoop(handler, options.HeadBudget, options.LoggerFactory.CreateLogger<DataplaneServer>());

        var sockets = new SocketTransportOptions
        {
            // Less CPU and latency, but a handler must never block: it runs on the thread that completed the read.
            UnsafePreferInlineScheduling = true,
            Backlog = 4096,
            MaxReadBufferSize = ReadBuffer,
        };
        var transport = new SilentEndpointTransport(new SocketTransportFactory(Options.Create(sockets), options.LoggerFactory));
        var kestrel = Configure(options);
        _kestrel = kestrel.Limits;
        Apply(options.Limits);
        _server = new KestrelServer(Options.Create(kestrel), transport, new ServerLoggers(options.LoggerFactory));
    }

    /// <summary>The addresses it listens on, in the order of the options' endpoints, with the assigned ports. Available once
    /// started.</summary>
    public IReadOnlyList<IPEndPoint> Endpoints { get; private set; } = [];

    /// <summary>The numbers of open connections, in the order of the options' endpoints.</summary>
    public IEnumerable<int> Connections => _connections.Select(static count => count.Open);

    /// <summary>Requests being handled.</summary>
    public int RequestsInFlight => _loop.InFlight;

    /// <summary>
    /// The current limits. They may change while the server runs: new ones apply to connections that are opened from then on, and that of
    /// heads also to open connections of HTTP/1.1 after their next request. Nothing in flight is dropped.
    /// </summary>
    public ServerLimits Limits
    {
        get => _limits;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Apply(value);
            _limits = value;
        }
    }

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
            connection.RemoteEndPoint = new IPEndPoint(peer.Address.ToPlain(), peer.Port);
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
        limits.MaxRequestBodySize = null;
        limits.MaxRequestBufferSize = ServerLimits.LargestHeader;
        limits.MaxRequestHeaderCount = 1000;
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        limits.Http2.InitialStreamWindowSize = StreamWindow;

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
        ConnectionDelegate watched = connection =>
            Http2Watch.ServeAsync(connection, http2!, _limits.HeadersTimeout, _unfinished, options.HeadBudget, TimeProvider.System);
        var logger = options.LoggerFactory.CreateLogger<DataplaneServer>();
        var connections = new OpenConnections(() => _limits, logger);
        foreach (var (endpoint, count) in options.Endpoints.Zip(_connections))
        {
            kestrel.Listen(
                new IPEndPoint(endpoint.Address, endpoint.Port),
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(next => connection => connections.OnConnectionAsync(WithPlainAddress(connection), next));
                    listen.Use(next => connection => count.OnConnectionAsync(next, connection));
                    listen.Use(next => new ProxyProtocolListener(next, () => _limits, logger, TimeProvider.System).OnConnectionAsync);
                    listen.Use(next => new HalfClosedClients(next, options.HalfClosedTimeout, TimeProvider.System).OnConnectionAsync);
                    if (endpoint.Certificates is null)
                    {
                        listen.Use(next => new PrefaceSwitch(next, () => watched, HeadersTimeout).OnConnectionAsync);
                    }
                    else
                    {
                        var tls = new TlsTermination(endpoint, HeadersTimeout, logger);
                        listen.Use(next =>
                        {
                            // Kestrel has no timeout for the first byte after a handshake.
                            var first = new PrefaceSwitch(next, () => watched, HeadersTimeout);
                            return connection => tls.OnConnectionAsync(connection, first.OnConnectionAsync, watched);
                        });
                    }
                }
            );
        }

        return kestrel;
    }

    private TimeSpan HeadersTimeout() => _limits.HeadersTimeout;

    /// <summary>
    /// Sets what each connection enforces itself. Kestrel reads these limits when a connection begins, and those of HTTP/1.1 heads when it
    /// begins to wait for one, so they need no restart; <c>ServerLimitsTests</c> shows it for each of them.
    /// </summary>
    private void Apply(ServerLimits limits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limits.MaxHeaderBytes, ServerLimits.LargestHeader);
        _kestrel.KeepAliveTimeout = limits.KeepAliveTimeout;
        _kestrel.RequestHeadersTimeout = limits.HeadersTimeout;
        _kestrel.MaxRequestHeadersTotalSize = limits.MaxHeaderBytes;
        _kestrel.MaxRequestLineSize = limits.MaxHeaderBytes;
        _kestrel.Http2.MaxRequestHeaderFieldSize = limits.MaxHeaderBytes;
        _kestrel.Http2.MaxStreamsPerConnection = limits.MaxStreamsPerConnection;
        _unfinished.Most = (int)Math.Clamp(_options.HeadBudget.Capacity / 16 / limits.MaxHeaderBytes, 4, 1000);
        _loop.MaxRequestsPerConnection = limits.MaxRequestsPerConnection;
    }

    private sealed class NoServices : IServiceProvider
    {
        public static NoServices Instance { get; } = new();

        public object? GetService(Type serviceType) => null;
    }
}
