using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Tracing;
using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>Wraps request handling with logging and tracing. Created only if at least one of them is enabled.</summary>
internal sealed class RequestObserver(LoggedRequests? log, RequestTracer? tracer, TimeProvider time)
{
    /// <summary>Handles a request and records it.</summary>
    public async Task ServeAsync(HttpContext context, RequestDelegate next)
    {
        var probe = ProbeRequest.IsProbe(context.Request);
        var written = log is not null && (!probe || log.IncludesProbes) ? log : null;
        if (probe && written is null)
        {
            await next(context);
            return;
        }

        var started = time.GetTimestamp();
        var body = written is null ? null : CountingBody.Watch(context);
        using var span = probe ? null : Trace(context);
        var failed = true;
        try
        {
            await next(context);
            failed = false;
        }
        finally
        {
            var elapsed = time.GetElapsedTime(started);
            var status = failed ? StatusCodes.Status500InternalServerError : context.Response.StatusCode;
            SpanAttributes.Responded(span, status);
            written?.Log.Write(context, status, body!.Written, elapsed, written.Revision);
        }
    }

    private Activity? Trace(HttpContext context)
    {
        if (tracer?.TryBegin(context.Request, out var parent) != true)
            return null;
        var span = tracer.Serve(context, SpanNames.Server, parent);
        span?.SetTag(RouteTag.Attribute, RouteTag.Of(context.Request));
        return span;
    }
}
