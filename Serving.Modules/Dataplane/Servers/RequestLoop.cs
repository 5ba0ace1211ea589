using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Runs each request through <see cref="RequestEntry"/>, the <see cref="HeadBudget"/> and the handler. The <see cref="HttpContext"/> is
/// created once per connection or stream, not once per request.
/// </summary>
internal sealed partial class RequestLoop(RequestDelegate handler, HeadBudget heads, ILogger logger) : IHttpApplication<RequestLoop.Request>
{
    /// <summary>A longer target closes the connection, because the server keeps the buffer for as long as it is open.</summary>
    private const int LongTarget = 8 * 1024;

    private static readonly Func<object, Task> CloseConnection = Close;

    private int _inFlight;
    private int _upgraded;
    private volatile bool _draining;
    private volatile int _maxRequests;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Upgraded requests in flight.</summary>
    public int Upgraded => Volatile.Read(ref _upgraded);

    /// <summary>The number of requests after which a connection is asked to close; 0 for no limit.</summary>
    public int MaxRequestsPerConnection
    {
        get => _maxRequests;
        set => _maxRequests = value;
    }

    public void BeginDrain() => _draining = true;

    public Request CreateContext(IFeatureCollection contextFeatures)
    {
        Interlocked.Increment(ref _inFlight);
        if (contextFeatures is not IHostContextContainer<Request> container)
            return new Request(contextFeatures);
        if (container.HostContext is { } reused)
        {
            reused.Http.Initialize(contextFeatures);
            return reused;
        }

        return container.HostContext = new Request(contextFeatures);
    }

    public Task ProcessRequestAsync(Request context)
    {
        var http = context.Http;
        if (_draining || (_maxRequests is > 0 and var most && http.Features.Get<RequestCount>()?.Next() >= most))
            http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var size = HeadSize.Of(target, http.Request.Headers);
        context.Size = size;
        if (HttpProtocol.IsHttp2(http.Request.Protocol))
            http.Features.Get<HeadDecoding>()?.Settle(size);
        if (!heads.TryTake(size))
        {
            RefusedRequests.Count(RefusedRequests.HeadBudget);
            return RefuseAsync(
                http,
                new(
                    StatusCodes.Status431RequestHeaderFieldsTooLarge,
                    "the request heads in flight exceed the memory budget; send smaller headers, or try again"
                )
            );
        }

        context.Taken = size;
        if (target.Length > LongTarget && !HttpProtocol.IsHttp2(http.Request.Protocol))
            http.Response.OnStarting(CloseConnection, http);
        if (RequestEntry.Prepare(http) is not { } refusal)
            return UpgradeWatch.Of(http) is { } upgrade ? ServeAsync(http, upgrade) : handler(http);
        RefusedRequests.Count(RefusedRequests.Malformed);
        return RefuseAsync(http, refusal);
    }

    public void DisposeContext(Request context, Exception? exception)
    {
        var http = context.Http;
        Interlocked.Decrement(ref _inFlight);
        if (exception is not null and not BadHttpRequestException and not ConnectionAbortedException and not ConnectionResetException)
        {
            // Failures caused by a disconnected or aborted client are of no interest to an operator.
            if (http.RequestAborted.IsCancellationRequested || (_draining && exception is OperationCanceledException))
                LogLeft(logger, exception, http.Request.Method, http.Request.Path);
            else
                LogFailed(logger, exception, http.Request.Method, http.Request.Path);
        }

        if (context.Size > HeadBudget.Ordinary)
            HeadSize.Forget(http);
        heads.Return(context.Taken);
        (context.Size, context.Taken) = (0, 0);
        http.Uninitialize();
    }

    // After a malformed request the following bytes cannot be interpreted either, so the connection is closed.
    private static async Task RefuseAsync(HttpContext context, RequestEntry.Refusal refusal)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
            context.Response.OnStarting(CloseConnection, context);
        await PlainText.WriteErrorAsync(context, refusal.Status, refusal.Reason);
    }

    private static Task Close(object context)
    {
        ((HttpContext)context).Response.Headers.Connection = "close";
        return Task.CompletedTask;
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
            if (upgrade.HasUpgraded)
                Interlocked.Decrement(ref _upgraded);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, PathString path);

    [LoggerMessage(2, LogLevel.Debug, "{Method} {Path} ended because the client disconnected.")]
    private static partial void LogLeft(ILogger logger, Exception exception, string method, PathString path);

    /// <summary>A request and the memory of its head.</summary>
    internal sealed class Request(IFeatureCollection features)
    {
        public DefaultHttpContext Http { get; } = new(features);

        /// <summary>Size of the head in memory, in bytes.</summary>
        public long Size { get; set; }

        /// <summary>Bytes reserved from the budget.</summary>
        public long Taken { get; set; }
    }
}
