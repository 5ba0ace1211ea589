using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Dataplane.Requests;
using Yarp.ReverseProxy.Forwarder;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Forwards with YARP's <see cref="IHttpForwarder"/>, with all of its transformations disabled: the destination receives the request as the
/// client sent it.
/// </summary>
internal sealed partial class ForwarderUpstream : IUpstream, IDisposable
{
    private static readonly ForwarderRequestConfig Http1 = Config(HttpVersion.Version11);
    private static readonly ForwarderRequestConfig Http2 = Config(HttpVersion.Version20);

    private readonly UpstreamOptions _options;
    private readonly ILogger _logger;
    private readonly ServiceProvider _services;
    private readonly IHttpForwarder _forwarder;
    private readonly ClientPools _pools;

    public ForwarderUpstream(UpstreamOptions options)
    {
        _options = options;
        _logger = options.LoggerFactory.CreateLogger<ForwarderUpstream>();
        var services = new ServiceCollection();

        // YARP logs two lines per request; failures are logged here instead.
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.TryAddSingleton(typeof(ILogger<>), typeof(Logger<>));
        services.AddHttpForwarder();
        _services = services.BuildServiceProvider();
        _forwarder = _services.GetRequiredService<IHttpForwarder>();
        _pools = new ClientPools(options);
    }

    public async ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        if (HttpMethods.IsConnect(context.Request.Method))
            return await ConnectAsync(context, target, cancellation);
        var error = await SendAsync(context, target, _pools.For(target.Tls), cancellation);
        return error == ForwarderError.None
            ? UpstreamResult.Done
            : await OutcomeAsync(context, target, error, mayHaveArrived: false, cancellation);
    }

    // Sent as an extended CONNECT (RFC 8441) if the destination speaks HTTP/2 and supports it, otherwise as an HTTP/1.1 upgrade.
    private async ValueTask<UpstreamResult> ConnectAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        if (!target.Http2)
            return await UpgradeAsync(context, target, cancellation);
        var error = await SendAsync(context, target, _pools.For(target.Tls), cancellation);
        if (error == ForwarderError.None)
            return UpstreamResult.Done;
        if (
            error != ForwarderError.Request
            || cancellation.IsCancellationRequested
            || context.RequestAborted.IsCancellationRequested
            || !IsUnsupported(context.Features.Get<IForwarderErrorFeature>()?.Exception)
        )
            return await OutcomeAsync(context, target, error, mayHaveArrived: false, cancellation);
        Restart(context);
        return await UpgradeAsync(context, target, cancellation);
    }

    // The client waits for the SETTINGS frame before it sends an extended CONNECT. Failures until then (an HTTP/1.1 server rejects the
    // preface as a bad request) are not HttpRequestExceptions.
    private static bool IsUnsupported(Exception? failure) =>
        failure is HttpIOException or HttpRequestException { HttpRequestError: HttpRequestError.ExtendedConnectNotSupported };

    // The request may be retried, so nothing of this attempt may remain in the response.
    private static void Restart(HttpContext context)
    {
        context.Response.Clear();
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Features.Set<IForwarderErrorFeature>(null);
    }

    // .NET's client retries a request without a body up to three times when connections end without a response. A WebSocket has its own
    // connection anyway, so it gets a client that connects once.
    private async ValueTask<UpstreamResult> UpgradeAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        var attempts = 0;
        using var once = new HttpMessageInvoker(
            ClientPools.Handler(
                _options,
                target.Tls,
                () =>
                {
                    if (Interlocked.Increment(ref attempts) > 1)
                        throw new IOException("The connection ended without a response.");
                }
            )
        );
        var error = await SendAsync(context, target with { Http2 = false }, once, cancellation);
        return error == ForwarderError.None
            ? UpstreamResult.Done
            : await OutcomeAsync(context, target, error, mayHaveArrived: attempts > 1, cancellation);
    }

    private async ValueTask<ForwarderError> SendAsync(
        HttpContext context,
        UpstreamTarget target,
        HttpMessageInvoker client,
        CancellationToken cancellation
    )
    {
        var transformer = new TargetTransformer(target);
        var mayEndEarly = cancellation != context.RequestAborted;
        if (mayEndEarly)
            transformer.KeepResponse(context, cancellation);
        try
        {
            return await _forwarder.SendAsync(
                context,
                "http://" + target.Address,
                client,
                target.Http2 ? Http2 : Http1,
                transformer,
                cancellation
            );
        }
        finally
        {
            if (mayEndEarly)
                transformer.Release(context);
        }
    }

    public void Dispose()
    {
        _pools.Dispose();
        _services.Dispose();
    }

    private async ValueTask<UpstreamResult> OutcomeAsync(
        HttpContext context,
        UpstreamTarget target,
        ForwarderError error,
        bool mayHaveArrived,
        CancellationToken cancellation
    )
    {
        var exception = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        var response = context.Response;
        if (cancellation.IsCancellationRequested || context.RequestAborted.IsCancellationRequested)
            return UpstreamResult.Canceled;
        if (response.HasStarted)
        {
            LogFailed(_logger, exception, target.Address, error);
            return UpstreamResult.Failed;
        }

        if (
            error == ForwarderError.Request
            && !mayHaveArrived
            && exception
                is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }
        )
        {
            Restart(context);
            return UpstreamResult.NotConnected;
        }

        LogFailed(_logger, exception, target.Address, error);
        if (error is ForwarderError.RequestBodyClient or ForwarderError.UpgradeRequestClient)
        {
            await PlainText.WriteErrorAsync(context, StatusCodes.Status400BadRequest, "the request ended before its body did");
            return UpstreamResult.BadRequest;
        }

        await PlainText.WriteErrorAsync(
            context,
            StatusCodes.Status502BadGateway,
            "the program closed the connection without a response",
            unserved: target.IsProgram ? Unserved.Failed : null
        );
        return UpstreamResult.Failed;
    }

    [LoggerMessage(1, LogLevel.Warning, "Forwarding to {Address} failed: {Error}.")]
    private static partial void LogFailed(ILogger logger, Exception? exception, string address, ForwarderError error);

    private static ForwarderRequestConfig Config(Version version) =>
        new()
        {
            ActivityTimeout = Timeout.InfiniteTimeSpan,
            AllowResponseBuffering = false,
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
}
