using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Tracing;
using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>Wraps request handling with logging and tracing. Created only if at least one of them is enabled.</summary>
internal sealed class RequestObserver(LoggedRequests? log, RequestTracer? tracer, TimeProvider time)
{
    /// <summary>Handles a request and records it, unless it is neither logged nor traced.</summary>
    public Task ServeAsync(HttpContext context, RequestDelegate next)
    {
        var isProbe = ProbeRequest.IsProbe(context.Request);
        var written = log is not null && (!isProbe || log.IncludesProbes) ? log : null;
        ActivityContext parent = default;
        var isTraced = !isProbe && tracer is not null && tracer.TryBegin(context.Request, out parent);
        return written is null && !isTraced ? next(context) : ObserveAsync(context, next, written, isTraced, parent);
    }

    private async Task ObserveAsync(
        HttpContext context,
        RequestDelegate next,
        LoggedRequests? written,
        bool isTraced,
        ActivityContext parent
    )
    {
        var started = time.GetTimestamp();
        var body = written is null ? null : CountingBody.Watch(context);
        using var span = isTraced ? tracer!.Serve(context, SpanNames.Server, parent) : null;
        span?.SetTag(RouteTag.Attribute, RouteTag.Of(context.Request));
        var failed = true;
        try
        {
            await next(context);
            failed = false;
        }
        finally
        {
            var elapsed = time.GetElapsedTime(started);
            var status = RequestStatus.Of(context, failed);
            SpanAttributes.Responded(span, status);
            written?.Log.Write(context, status, body!.Written, elapsed, written.Revision);
        }
    }
}
