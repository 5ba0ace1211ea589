using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;
using Serving.Dataplane.Throttling;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Observability.Requests;
using Serving.QueueProxy.Readiness;
using Serving.QueueProxy.Telemetry;

namespace Serving.QueueProxy;

/// <summary>
/// Forwards requests to the user container: counted, limited to <c>containerConcurrency</c> and to the number that an ephemeral pod serves,
/// with the timeouts of the revision, over the protocol they arrived in.
/// </summary>
internal sealed class ProxyEndpoint
{
    private const int QueueDepthFactor = 10;
    public const string Spent = "this pod has served its number of requests";

    private readonly IUpstream _upstream;
    private readonly RequestStats _stats;
    private readonly Drainer _drainer;
    private readonly UserProber _prober;
    private readonly TimeProvider _time;
    private readonly RequestMetrics? _metrics;
    private readonly RequestTracer? _tracer;
    private readonly Breaker? _breaker;
    private readonly RequestBudget? _budget;
    private readonly RequestTimeouts _timeouts;
    private readonly UpstreamTarget _http1;
    private readonly UpstreamTarget _http2;
    private readonly string _refused;

    public ProxyEndpoint(
        QueueProxyConfig config,
        IUpstream upstream,
        RequestStats stats,
        Drainer drainer,
        UserProber prober,
        SidecarTelemetry telemetry,
        RequestBudget? budget,
        TimeProvider time
    )
    {
        _budget = budget;
        _prober = prober;
        _tracer = telemetry.Tracer;
        _upstream = _tracer is null ? upstream : new TracedUpstream(upstream, _tracer);
        _stats = stats;
        _drainer = drainer;
        _time = time;
        _metrics = telemetry.Metrics;

        // The queue holds ten times the concurrency, which gives the autoscaler time to react.
        if (config.ContainerConcurrency > 0)
        {
            _breaker = new Breaker(QueueDepthFactor * config.ContainerConcurrency, config.ContainerConcurrency);
            _metrics?.Follow(_breaker);
        }

        _timeouts = new RequestTimeouts(config.Timeout, config.ResponseStartTimeout, config.IdleTimeout);
        var address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{config.UserPort}");
        _http1 = new UpstreamTarget(address, Http2: false) { IsProgram = true };
        _http2 = new UpstreamTarget(address, Http2: true) { IsProgram = true };
        _refused = string.Create(CultureInfo.InvariantCulture, $"the program accepts no connection on port {config.UserPort}");
    }

    /// <summary>Limits and queues requests; null when there is no limit.</summary>
    public Breaker? Breaker => _breaker;

    /// <summary>Handles a request of the user's program.</summary>
    /// <param name="context">The request.</param>
    /// <param name="isProbe">Whether it is a probe, which is in no metric.</param>
    public Task HandleAsync(HttpContext context, bool isProbe)
    {
        var metrics = isProbe ? null : _metrics;
        return _budget is null || _budget.TryTake() ? ServeAsync(context, metrics) : RefuseAsync(context, metrics);
    }

    private async Task RefuseAsync(HttpContext context, RequestMetrics? metrics)
    {
        var started = _time.GetTimestamp();
        await PlainText.WriteErrorAsync(context, StatusCodes.Status502BadGateway, Spent, unserved: Unserved.Unsent);
        metrics?.Completed(_time.GetElapsedTime(started), context.Request, context.Response.StatusCode);
    }

    private async Task ServeAsync(HttpContext context, RequestMetrics? metrics)
    {
        _drainer.Begin();
        using var span = _tracer?.Start(SpanNames.Proxy);
        var deadline = RequestDeadline.Start(context, _timeouts, _time);
        var upgrade = deadline.Upgrade;
        if (upgrade is not null)
            upgrade.Upgraded += _drainer.Upgrade;
        var proxied = context.Request.Headers[DataplaneHeaders.Proxy] == DataplaneHeaders.ActivatorName;
        _stats.Begin(proxied);
        var started = deadline.Started;
        var (outcome, failed) = (default(Outcome), true);
        try
        {
            outcome = _breaker is null
                ? await ForwardAsync(context, metrics, started, deadline.Token)
                : await QueueAsync(_breaker, context, metrics, started, deadline.Token);
            failed = false;
        }
        catch (OperationCanceledException) when (deadline.Token.IsCancellationRequested)
        {
            // Either a timeout, to which the deadline responds, or the client disconnected and needs no response.
            failed = false;
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or BadHttpRequestException))
        {
            await PlainText.WriteUnexpectedAsync(context);
            throw;
        }
        finally
        {
            _stats.End(proxied);
            try
            {
                await deadline.CompleteAsync(outcome.IsWhole, "request timeout");
            }
            finally
            {
                _drainer.End(upgrade is { HasUpgraded: true });

                // The exemplar of the metric is the whole request.
                span?.Dispose();
                metrics?.Completed(
                    _time.GetElapsedTime(started, outcome.Ended ?? _time.GetTimestamp()),
                    context.Request,
                    RequestStatus.Of(context, failed)
                );
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Outcome> QueueAsync(
        Breaker breaker,
        HttpContext context,
        RequestMetrics? metrics,
        long started,
        CancellationToken cancellation
    )
    {
        bool admitted;
        using (_tracer?.Start(SpanNames.Wait))
            admitted = await breaker.EnterAsync(cancellation);
        if (!admitted)
        {
            _budget?.Return();
            if (cancellation.IsCancellationRequested)
                return default;
            metrics?.Rejected();
            await PlainText.WriteOverloadAsync(context);
            return new Outcome(IsWhole: true);
        }

        try
        {
            if (metrics is not null)
            {
                var admission = _time.GetTimestamp();
                metrics.Waited(_time.GetElapsedTime(started, admission));
                started = admission;
            }

            return await ForwardAsync(context, metrics, started, cancellation);
        }
        finally
        {
            breaker.Exit();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Outcome> ForwardAsync(
        HttpContext context,
        RequestMetrics? metrics,
        long started,
        CancellationToken cancellation
    )
    {
        var target = HttpProtocol.IsHttp2(context.Request.Protocol) ? _http2 : _http1;
        var result = await _upstream.ForwardAsync(context, ProxyHeaders.Prepare(context, target), cancellation);
        if (result is UpstreamResult.NotConnected or UpstreamResult.Lost)
        {
            _prober.Refused();
            if (result == UpstreamResult.NotConnected)
                _budget?.Return();
            var unserved = result == UpstreamResult.NotConnected ? Unserved.Unsent : Unserved.Lost;
            await PlainText.WriteErrorAsync(context, StatusCodes.Status502BadGateway, _refused, unserved: unserved);
        }

        var isWhole = result != UpstreamResult.Canceled;
        if (metrics is null)
            return new Outcome(isWhole);
        var ended = _time.GetTimestamp();
        metrics.Invoked(
            _time.GetElapsedTime(started, ended),
            isWhole || context.Response.HasStarted ? context.Response.StatusCode
                : context.RequestAborted.IsCancellationRequested ? RequestStatus.ClientClosedRequest
                : StatusCodes.Status502BadGateway
        );
        return new Outcome(isWhole, isWhole ? ended : null);
    }

    /// <summary>How the handling of a request ended.</summary>
    /// <param name="IsWhole">Whether the response is complete; otherwise the code that cancelled ends it.</param>
    /// <param name="Ended">When the response was complete; null when a metric has not asked for it, or when the response is not.</param>
    private readonly record struct Outcome(bool IsWhole, long? Ended = null);
}
