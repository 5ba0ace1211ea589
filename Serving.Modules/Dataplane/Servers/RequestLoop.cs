using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane;

/// <summary>Calls the handler for each request; an <see cref="HttpContext"/> is made once a connection, not once a request.</summary>
internal sealed partial class RequestLoop(RequestDelegate handler, ILogger logger) : IHttpApplication<DefaultHttpContext>
{
    // Kestrel's name for the Content-Length of a request that also has a Transfer-Encoding.
    private const string RenamedContentLength = "X-Content-Length";

    private int _inFlight;
    private int _upgraded;
    private volatile bool _draining;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Those in flight that have left HTTP.</summary>
    public int Upgraded => Volatile.Read(ref _upgraded);

    public void BeginDrain() => _draining = true;

    public DefaultHttpContext CreateContext(IFeatureCollection contextFeatures)
    {
        Interlocked.Increment(ref _inFlight);
        if (contextFeatures is not IHostContextContainer<DefaultHttpContext> container) return new DefaultHttpContext(contextFeatures);
        if (container.HostContext is { } reused)
        {
            reused.Initialize(contextFeatures);
            return reused;
        }

        var context = new DefaultHttpContext(contextFeatures);
        container.HostContext = context;
        return context;
    }

    public Task ProcessRequestAsync(DefaultHttpContext context)
    {
        if (_draining) context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        var headers = context.Request.Headers;
        if (headers.TransferEncoding.Count != 0 && (headers.ContainsKey(RenamedContentLength) || headers.ContentLength is not null))
        {
            // Two framings are how requests are smuggled past a proxy that believes the other one.
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            context.Response.Headers.Connection = "close";
            return Task.CompletedTask;
        }

        return UpgradeWatch.Of(context) is { } upgrade ? ServeAsync(context, upgrade) : handler(context);
    }

    public void DisposeContext(DefaultHttpContext context, Exception? exception)
    {
        Interlocked.Decrement(ref _inFlight);
        if (exception is not null and not OperationCanceledException and not BadHttpRequestException and not ConnectionAbortedException and not ConnectionResetException)
            LogFailed(logger, exception, context.Request.Method, context.Request.Path);
        context.Uninitialize();
    }

    private async Task ServeAsync(HttpContext context, UpgradeWatch upgrade)
    {
        upgrade.Upgraded += () => Interlocked.Increment(ref _upgraded);
        try
        {
            await handler(context);
        }
        finally
        {
            if (upgrade.HasUpgraded) Interlocked.Decrement(ref _upgraded);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, PathString path);
}
