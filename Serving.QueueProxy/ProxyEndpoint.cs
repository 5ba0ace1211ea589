using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;
using Serving.Dataplane.Throttling;
using Serving.Dataplane.Upstreams;
using Serving.QueueProxy.Readiness;
using Serving.QueueProxy.Telemetry;

namespace Serving.QueueProxy;

/// <summary>
/// Forwards requests to the user container: counted, limited to <c>containerConcurrency</c>, with the timeouts of the revision, over the
/// protocol they arrived in.
/// </summary>
internal sealed class ProxyEndpoint
{
    private const int QueueDepthFactor = 10;

    private readonly IUpstream _upstream;
    private readonly RequestStats _stats;
    private readonly Drainer _drainer;
    private readonly UserProber _prober;
    private readonly TimeProvider _time;
    private readonly RequestMetrics? _metrics;
    private readonly RequestTracing? _tracing;
    private readonly Breaker? _breaker;
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
        TimeProvider time
    )
    {
        _prober = prober;
        _upstream = upstream;
        _stats = stats;
        _drainer = drainer;
        _time = time;
        _metrics = telemetry.Metrics;
        _tracing = telemetry.Tracing;

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

    public async Task HandleAsync(HttpContext context)
    {
        _drainer.Begin();
        using var span = _tracing?.Proxy();
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
        using (_tracing?.Wait())
            admitted = await _breaker.EnterAsync(cancellation);
        if (!admitted)
        {
            await PlainText.WriteOverloadAsync(context);
            return true;
        }

        try
        {
            return await ForwardAsync(context, cancellation);
        }
        finally
        {
            _breaker.Exit();
        }
    }

    private async ValueTask<bool> ForwardAsync(HttpContext context, CancellationToken cancellation)
    {
        if (_tracing is not null)
            RequestTracing.Propagate(context);
        if (_metrics is null)
            return await SendAsync(context, cancellation) != UpstreamResult.Canceled;

        if (_breaker is not null)
            _metrics.Admitted(_breaker.InFlight);
        var started = _time.GetTimestamp();
        var result = await SendAsync(context, cancellation);
        var unanswered = result == UpstreamResult.Canceled && !context.Response.HasStarted;
        if (!ProbeRequest.IsProbe(context.Request))
            _metrics.Invoked(_time.GetElapsedTime(started), unanswered ? StatusCodes.Status502BadGateway : context.Response.StatusCode);
        return result != UpstreamResult.Canceled;
    }

    private async ValueTask<UpstreamResult> SendAsync(HttpContext context, CancellationToken cancellation)
    {
        var target = HttpProtocol.IsHttp2(context.Request.Protocol) ? _http2 : _http1;
        var result = await _upstream.ForwardAsync(context, ProxyHeaders.Prepare(context, target), cancellation);
        if (result is UpstreamResult.NotConnected or UpstreamResult.Lost)
        {
            _prober.Refused();
            var unserved = result == UpstreamResult.NotConnected ? Unserved.Unsent : Unserved.Lost;
            await PlainText.WriteErrorAsync(context, StatusCodes.Status502BadGateway, _refused, unserved: unserved);
        }

        return result;
    }
}
