using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Routing;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Sends a request to an endpoint of its backend. It is sent again only when nobody answered the connection and nothing of it was read,
/// so no request is ever done twice. Without an endpoint it waits a moment, because watches lag behind the world, then answers 503.
/// </summary>
internal sealed partial class BackendForwarder(IUpstream upstream, ILocalActivator? localActivator, Func<string, UpstreamTls>? revisionTls, ILogger logger)
{
    /// <summary>How long a request waits for an endpoint to appear.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>How long it waits before it tries endpoints again that did not answer.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Requests that may wait for endpoints at once.</summary>
    private const int MaxWaiting = 1000;

    private int waiting;

    public async Task ForwardAsync(HttpContext context, Split split)
    {
        var started = split.Counter.Begin();
        try
        {
            await AttemptAsync(context, split).ConfigureAwait(false);
        }
        finally
        {
            split.Counter.End(started, context.Response.StatusCode);
        }
    }

    private async ValueTask AttemptAsync(HttpContext context, Split split)
    {
        List<BackendEndpoint>? tried = null;
        var deadline = 0L;
        while (true)
        {
            var state = split.Backend.Resolve();
            if (state.Pick(tried, Random.Shared) is { } endpoint)
            {
                var result = await SendAsync(context, split, state, endpoint).ConfigureAwait(false);
                if (result != UpstreamResult.NotConnected)
                {
                    return;
                }

                endpoint.Avoid();
                (tried ??= []).Add(endpoint);
                continue;
            }

            deadline = deadline == 0 ? Environment.TickCount64 + (long)Patience.TotalMilliseconds : deadline;
            if (!await WaitAsync(state, deadline, context.RequestAborted).ConfigureAwait(false))
            {
                LogNoEndpoint(logger, split.Backend.Key);
                await RefuseAsync(context).ConfigureAwait(false);
                return;
            }

            tried = null;
        }
    }

    private async ValueTask<UpstreamResult> SendAsync(HttpContext context, Split split, BackendState state, BackendEndpoint endpoint)
    {
        endpoint.Begin();
        try
        {
            if (endpoint.LocalActivator && localActivator is not null && split.Revision is not null)
            {
                await localActivator.HandleAsync(context, split.Namespace, split.Revision).ConfigureAwait(false);
                return UpstreamResult.Done;
            }

            var tls = state.Https && split.Revision is not null ? revisionTls?.Invoke(split.Namespace) : null;
            return await upstream.ForwardAsync(context, new UpstreamTarget(endpoint.Address, state.Http2) { Tls = tls }, context.RequestAborted).ConfigureAwait(false);
        }
        finally
        {
            endpoint.End();
        }
    }

    /// <summary>Waits until the endpoints change or a short time passes; false when there is no patience or no room left to wait.</summary>
    private async ValueTask<bool> WaitAsync(BackendState state, long deadline, CancellationToken cancellation)
    {
        if (Environment.TickCount64 >= deadline || cancellation.IsCancellationRequested)
        {
            return false;
        }

        if (Interlocked.Increment(ref waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref waiting);
            return false;
        }

        try
        {
            await state.Replaced.WaitAsync(state.Endpoints.Length == 0 ? TimeSpan.FromMilliseconds(deadline - Environment.TickCount64 + 1) : Pause, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The endpoints are the same, but one of them may answer by now.
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }

        return true;
    }

    private static Task RefuseAsync(HttpContext context)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        context.Response.Headers.RetryAfter = "1";
        return PlainAnswer.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "no endpoint is ready");
    }

    [LoggerMessage(1, LogLevel.Warning, "No endpoint of {Backend} is ready.")]
    private static partial void LogNoEndpoint(ILogger logger, BackendKey backend);
}
