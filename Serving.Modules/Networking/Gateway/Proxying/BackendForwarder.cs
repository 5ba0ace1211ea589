using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Upstreams;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Forwards a request to an endpoint of its backend, and retries on another one if nothing of it reached the program: the connection
/// failed, or the queue-proxy reports it. So no request is processed twice. Endpoints that failed are avoided for a while. Without an
/// endpoint it waits a moment, because watches lag behind the cluster, then returns an error.
/// </summary>
internal sealed partial class BackendForwarder(
    IUpstream upstream,
    ILocalActivator? localActivator,
    Func<string, UpstreamTls>? revisionTls,
    GatewayMetrics metrics,
    RequestLog? log,
    TimeProvider time,
    ILogger logger
)
{
    /// <summary>Maximum number of attempts per request.</summary>
    private const int MaxAttempts = 16;

    /// <summary>How long a request waits for an endpoint.</summary>
    private static readonly TimeSpan EndpointTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Initial delay before failed endpoints are retried; doubles each time.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Maximum number of requests waiting for endpoints.</summary>
    private const int MaxWaiting = 1000;

    private int _waiting;

    public async Task ForwardAsync(HttpContext context, Split split)
    {
        var started = GatewayMetrics.Started(split.Counter, split.Backend.State.Owner);
        try
        {
            await AttemptAsync(context, split);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or BadHttpRequestException))
        {
            await PlainText.WriteUnexpectedAsync(context);
            throw;
        }
        finally
        {
            metrics.Ended(context, split.Counter, started);
        }
    }

    private async ValueTask AttemptAsync(HttpContext context, Split split)
    {
        List<BackendEndpoint>? tried = null;
        long? waitingSince = null;
        var pause = Pause;
        var last = UpstreamResult.NotConnected;
        var attempts = 0;
        while (true)
        {
            var state = split.Backend.Resolve();
            if (attempts < MaxAttempts && state.Pick(tried, Random.Shared) is { } endpoint)
            {
                if (attempts > 0)
                {
                    metrics.Retried(split.Counter, last);
                }

                AccessRecord.Of(context, log)?.Attempt(endpoint.Address, endpoint.LocalActivator);
                last = await SendAsync(context, split, state, endpoint);
                if (last is not (UpstreamResult.NotConnected or UpstreamResult.Unsent or UpstreamResult.Lost))
                {
                    return;
                }

                attempts++;
                (tried ??= []).Add(endpoint);
                continue;
            }

            waitingSince ??= time.GetTimestamp();
            if (
                attempts >= MaxAttempts
                || !await WaitAsync(state, EndpointTimeout - time.GetElapsedTime(waitingSince.Value), pause, context.RequestAborted)
            )
            {
                if (!context.RequestAborted.IsCancellationRequested)
                {
                    LogNoEndpoint(logger, split.Backend.Key);
                    metrics.NoEndpoint(split.Counter);
                }

                await RefuseAsync(context, last);
                return;
            }

            pause = tried is null ? pause : pause * 2;
            tried = null;
        }
    }

    private async ValueTask<UpstreamResult> SendAsync(HttpContext context, Split split, BackendState state, BackendEndpoint endpoint)
    {
        var trial = endpoint.Begin();
        var result = UpstreamResult.Canceled;
        try
        {
            if (endpoint.LocalActivator && localActivator is not null && split.Revision is not null)
            {
                await localActivator.HandleAsync(context, split.Namespace, split.Revision);
                result = UpstreamResult.Done;
            }
            else
            {
                var tls = state.Https && split.Revision is not null ? revisionTls?.Invoke(split.Namespace) : null;
                var target = new UpstreamTarget(endpoint.Address, state.Http2) { Tls = tls, IsQueueProxy = split.Revision is not null };
                result = await upstream.ForwardAsync(context, target, context.RequestAborted);
            }

            return result;
        }
        finally
        {
            endpoint.End(trial, result);
        }
    }

    /// <summary>Waits until the endpoints change or the retry delay passes; false when the time limit or the number of waiting requests is
    /// exceeded.</summary>
    private async ValueTask<bool> WaitAsync(BackendState state, TimeSpan left, TimeSpan pause, CancellationToken cancellation)
    {
        if (left <= TimeSpan.Zero || cancellation.IsCancellationRequested)
        {
            return false;
        }

        if (Interlocked.Increment(ref _waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            return false;
        }

        try
        {
            await state.Replaced.WaitAsync(state.Endpoints.Length == 0 ? left : pause, cancellation);
        }
        catch (TimeoutException)
        {
            // The endpoints are the same, but one of them may accept connections by now.
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        return true;
    }

    private static Task RefuseAsync(HttpContext context, UpstreamResult last)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        return last == UpstreamResult.NotConnected
            ? PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "no endpoint is ready", retryAfter: "1")
            : PlainText.WriteErrorAsync(context, StatusCodes.Status502BadGateway, "no pod's program accepts connections", retryAfter: "1");
    }

    [LoggerMessage(1, LogLevel.Warning, "No endpoint of {Backend} is ready.")]
    private static partial void LogNoEndpoint(ILogger logger, BackendKey backend);
}
