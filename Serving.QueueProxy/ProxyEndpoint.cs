using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;
using Serving.Dataplane.Throttling;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
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
            _breaker = new Breaker(QueueDepthFactor * config.ContainerConcurrency, config.ContainerConcurrency);
        _timeouts = new RequestTimeouts(config.Timeout, config.ResponseStartTimeout, config.IdleTimeout);
        var address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{config.UserPort}");
        _http1 = new UpstreamTarget(address, Http2: false) { IsProgram = true };
        _http2 = new UpstreamTarget(address, Http2: true) { IsProgram = true };
        _refused = string.Create(CultureInfo.InvariantCulture, $"the program accepts no connection on port {config.UserPort}");
    }

    /// <summary>Limits and queues requests; null when there is no limit.</summary>
    public Breaker? Breaker => _breaker;

    public Task HandleAsync(HttpContext context) =>
        _budget is null || _budget.TryTake()
            ? ServeAsync(context)
            : PlainText.WriteErrorAsync(context, StatusCodes.Status502BadGateway, Spent, unserved: Unserved.Unsent);

    private async Task ServeAsync(HttpContext context)
    {
        _drainer.Begin();
        using var span = _tracer?.Start(SpanNames.Proxy);
        var deadline = RequestDeadline.Start(context, _timeouts, _time);
        var upgrade = deadline.Upgrade;
        if (upgrade is not null)
            upgrade.Upgraded += _drainer.Upgrade;
        var proxied = context.Request.Headers[DataplaneHeaders.Proxy] == DataplaneHeaders.ActivatorName;
        _stats.Begin(proxied);
        var whole = false;
        try
        {
            whole = await ThrottleAsync(context, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.Token.IsCancellationRequested)
        {
            // Either a timeout, to which the deadline responds, or the client disconnected and needs no response.
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or BadHttpRequestException))
        {
            await PlainText.WriteUnexpectedAsync(context);
            throw;
        }
        finally
        {
            _stats.End(proxied);
            await deadline.CompleteAsync(whole, "request timeout");
            _drainer.End(upgrade is { HasUpgraded: true });
        }
    }

    // Whether the response is complete; otherwise the code that cancelled ends it.
    private async ValueTask<bool> ThrottleAsync(HttpContext context, CancellationToken cancellation)
    {
        if (_breaker is null)
            return await ForwardAsync(context, cancellation);

        bool admitted;
        var started = _metrics is null ? 0 : _time.GetTimestamp();
        using (_tracer?.Start(SpanNames.Wait))
            admitted = await _breaker.EnterAsync(cancellation);
        if (!admitted)
        {
            _budget?.Return();
            if (cancellation.IsCancellationRequested)
                return false;
            _metrics?.Rejected();
            await PlainText.WriteOverloadAsync(context);
            return true;
        }

        try
        {
            if (_metrics is not null && !ProbeRequest.IsProbe(context.Request))
                _metrics.Waited(_time.GetElapsedTime(started));
            return await ForwardAsync(context, cancellation);
        }
        finally
        {
            _breaker.Exit();
        }
    }

    private async ValueTask<bool> ForwardAsync(HttpContext context, CancellationToken cancellation)
    {
        if (_metrics is null)
            return await SendAsync(context, cancellation) != UpstreamResult.Canceled;

        if (_breaker is not null)
            _metrics.Admitted(_breaker.InFlight);
        var started = _time.GetTimestamp();
        var result = await SendAsync(context, cancellation);
        var unanswered = result == UpstreamResult.Canceled && !context.Response.HasStarted;
        if (!ProbeRequest.IsProbe(context.Request))
            _metrics.Invoked(
                _time.GetElapsedTime(started),
                context.Request,
                unanswered ? StatusCodes.Status502BadGateway : context.Response.StatusCode
            );
        return result != UpstreamResult.Canceled;
    }

    private async ValueTask<UpstreamResult> SendAsync(HttpContext context, CancellationToken cancellation)
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

        return result;
    }
}
