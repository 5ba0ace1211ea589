using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane;

/// <summary>
/// Calls the handler for each request, after <see cref="RequestEntry"/> and within the <see cref="HeadBudget"/>; an
/// <see cref="HttpContext"/> is made once a connection or stream, not once a request.
/// </summary>
internal sealed partial class RequestLoop(RequestDelegate handler, HeadBudget heads, ILogger logger) : IHttpApplication<RequestLoop.Request>
{
    /// <summary>A longer target ends its connection, since the server keeps it for as long as that is open.</summary>
    private const int LongTarget = 8 * 1024;

    private static readonly Func<object, Task> CloseConnection = Close;

    private int _inFlight;
    private int _upgraded;
    private volatile bool _draining;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Those in flight that have left HTTP.</summary>
    public int Upgraded => Volatile.Read(ref _upgraded);

    public void BeginDrain() => _draining = true;

    public Request CreateContext(IFeatureCollection contextFeatures)
    {
        Interlocked.Increment(ref _inFlight);
        if (contextFeatures is not IHostContextContainer<Request> container) return new Request(contextFeatures);
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
        if (_draining) http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var size = HeadSize.Of(target, http.Request.Headers);
        context.Size = size;
        if (HttpProtocol.IsHttp2(http.Request.Protocol)) http.Features.Get<HeadDecoding>()?.Settle(size);
        if (!heads.TryTake(size))
        {
            RefusedRequests.Count(RefusedRequests.HeadBudget);
            return RefuseAsync(http, new(StatusCodes.Status431RequestHeaderFieldsTooLarge, "the heads of the requests in flight are too large together; send smaller ones, or try again"));
        }

        context.Taken = size;
        if (target.Length > LongTarget && !HttpProtocol.IsHttp2(http.Request.Protocol)) http.Response.OnStarting(CloseConnection, http);
        if (RequestEntry.Prepare(http) is not { } refusal) return UpgradeWatch.Of(http) is { } upgrade ? ServeAsync(http, upgrade) : handler(http);
        RefusedRequests.Count(RefusedRequests.Malformed);
        return RefuseAsync(http, refusal);
    }

    public void DisposeContext(Request context, Exception? exception)
    {
        var http = context.Http;
        Interlocked.Decrement(ref _inFlight);
        if (exception is not null and not BadHttpRequestException and not ConnectionAbortedException and not ConnectionResetException)
        {
            // Whatever fails because the client has left, or must leave, is none of an operator's business.
            if (http.RequestAborted.IsCancellationRequested || (_draining && exception is OperationCanceledException)) LogLeft(logger, exception, http.Request.Method, http.Request.Path);
            else LogFailed(logger, exception, http.Request.Method, http.Request.Path);
        }

        if (context.Size > HeadBudget.Ordinary) HeadSize.Forget(http);
        heads.Return(context.Taken);
        (context.Size, context.Taken) = (0, 0);
        http.Uninitialize();
    }

    // What follows a request that was not understood is not understood either, so the connection ends with it.
    private static async Task RefuseAsync(HttpContext context, RequestEntry.Refusal refusal)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol)) context.Response.OnStarting(CloseConnection, context);
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
            if (upgrade.HasUpgraded) Interlocked.Decrement(ref _upgraded);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, PathString path);

    [LoggerMessage(2, LogLevel.Debug, "{Method} {Path} ended as its client left.")]
    private static partial void LogLeft(ILogger logger, Exception exception, string method, PathString path);

    /// <summary>A request and what its head takes.</summary>
    internal sealed class Request(IFeatureCollection features)
    {
        public DefaultHttpContext Http { get; } = new(features);

        /// <summary>Bytes of the head in memory.</summary>
        public long Size { get; set; }

        /// <summary>Bytes that were taken of the budget.</summary>
        public long Taken { get; set; }
    }
}
