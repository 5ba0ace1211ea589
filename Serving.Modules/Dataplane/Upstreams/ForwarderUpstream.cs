using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Yarp.ReverseProxy.Forwarder;

namespace Serving.Dataplane;

/// <summary>
/// Forwards with YARP's <see cref="IHttpForwarder"/>. Everything YARP would change on the way is switched off, so that
/// the destination sees the request as the client sent it.
/// </summary>
internal sealed partial class ForwarderUpstream : IUpstream, IDisposable
{
    private const int MaxTlsPools = 256;

    private static readonly int ResponseHeaderKilobytes = 256;

    private static readonly ForwarderRequestConfig Http1 = Config(HttpVersion.Version11);
    private static readonly ForwarderRequestConfig Http2 = Config(HttpVersion.Version20);

    private readonly UpstreamOptions _options;
    private readonly ILogger _logger;
    private readonly ServiceProvider _services;
    private readonly IHttpForwarder _forwarder;
    private readonly HttpMessageInvoker _plain;
    private readonly ConcurrentDictionary<UpstreamTls, HttpMessageInvoker> _tls = new();

    public ForwarderUpstream(UpstreamOptions options)
    {
        _options = options;
        _logger = options.LoggerFactory.CreateLogger<ForwarderUpstream>();
        var services = new ServiceCollection();

        // YARP logs two lines a request; what fails is logged here.
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.TryAddSingleton(typeof(ILogger<>), typeof(Logger<>));
        services.AddHttpForwarder();
        _services = services.BuildServiceProvider();
        _forwarder = _services.GetRequiredService<IHttpForwarder>();
        _plain = new HttpMessageInvoker(Handler(null));
    }

    public async ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        var tls = target.Tls;
        var invoker = tls is null ? _plain : Pool(tls);
        var transformer = new TargetTransformer(target);
        var mayEndEarly = cancellation != context.RequestAborted;
        if (mayEndEarly) transformer.KeepResponse(context, cancellation);
        ForwarderError error;
        try
        {
            error = await _forwarder.SendAsync(context, "http://" + target.Address, invoker, target.Http2 ? Http2 : Http1, transformer, cancellation);
        }
        finally
        {
            if (mayEndEarly) transformer.Release(context);
        }

        return error == ForwarderError.None ? UpstreamResult.Done : Outcome(context, target, error, cancellation);
    }

    public void Dispose()
    {
        _plain.Dispose();
        foreach (var pool in _tls.Values) pool.Dispose();
        _services.Dispose();
    }

    private UpstreamResult Outcome(HttpContext context, in UpstreamTarget target, ForwarderError error, CancellationToken cancellation)
    {
        var exception = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        var response = context.Response;
        if (cancellation.IsCancellationRequested || context.RequestAborted.IsCancellationRequested) return UpstreamResult.Canceled;
        if (response.HasStarted)
        {
            LogFailed(_logger, exception, target.Address, error);
            return UpstreamResult.Failed;
        }

        if (error == ForwarderError.Request
            && exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError })
        {
            // The response may be tried for again, so nothing of this attempt may stay on it.
            response.Clear();
            response.StatusCode = StatusCodes.Status200OK;
            context.Features.Set<IForwarderErrorFeature>(null);
            return UpstreamResult.NotConnected;
        }

        LogFailed(_logger, exception, target.Address, error);
        if (error is not (ForwarderError.RequestBodyClient or ForwarderError.UpgradeRequestClient)) response.StatusCode = StatusCodes.Status502BadGateway;
        return UpstreamResult.Failed;
    }

    [LoggerMessage(1, LogLevel.Warning, "Forwarding to {Address} failed: {Error}.")]
    private static partial void LogFailed(ILogger logger, Exception? exception, string address, ForwarderError error);

    private HttpMessageInvoker Pool(UpstreamTls tls)
    {
        if (_tls.TryGetValue(tls, out var pool)) return pool;

        // Trust that changes leaves pools behind; requests in flight keep theirs alive, idle ones are collected.
        if (_tls.Count >= MaxTlsPools) _tls.Clear();
        return _tls.GetOrAdd(tls, key => new HttpMessageInvoker(Handler(key)));
    }

    private SocketsHttpHandler Handler(UpstreamTls? tls) => new()
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = (context, cancellation) => ConnectAsync(context, tls, cancellation),
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxResponseHeadersLength = ResponseHeaderKilobytes,
        PooledConnectionIdleTimeout = _options.IdleConnectionTimeout,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        UseCookies = false,
        UseProxy = false,
    };

    // TLS is spoken here, as the client would verify the Host of the request instead of the destination's own name.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, UpstreamTls? tls, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(_options.ConnectTimeout);
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
            throw new TimeoutException($"No connection to {context.DnsEndPoint.Host}:{context.DnsEndPoint.Port} within {_options.ConnectTimeout}.");
        }
    }

    private static ForwarderRequestConfig Config(Version version) => new()
    {
        ActivityTimeout = Timeout.InfiniteTimeSpan,
        AllowResponseBuffering = false,
        Version = version,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };
}
