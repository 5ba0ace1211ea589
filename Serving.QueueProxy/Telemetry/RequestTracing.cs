using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>
/// The spans of a request: a server span for the sidecar with the children <c>kn.queueproxy.proxy</c> and <c>kn.queueproxy.wait</c>. The
/// innermost open span is the parent of the user program's spans. Created only if config-observability enables tracing; otherwise trace
/// headers are passed through.
/// </summary>
internal sealed class RequestTracing : IDisposable
{
    /// <summary>The source's name.</summary>
    public const string SourceName = "Serving.QueueProxy";

    private readonly ActivitySource _source = new(SourceName);

    public void Dispose() => _source.Dispose();

    /// <summary>Starts the server span, as a child of the client's span if it sent one.</summary>
    public Activity? Serve(HttpContext context, string tag)
    {
        var request = context.Request;
        ActivityContext.TryParse(request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var parent);
        var span = _source.StartActivity("queue", ActivityKind.Server, parent);
        if (span is not { IsAllDataRequested: true })
            return span;
        span.SetTag("http.request.method", request.Method);
        span.SetTag("url.scheme", request.Scheme);
        span.SetTag("url.path", request.Path.Value);
        span.SetTag("server.address", request.Host.Host);
        span.SetTag("network.protocol.version", RequestProtocol.Version(request));
        span.SetTag("user_agent.original", request.Headers.UserAgent.ToString());
        span.SetTag(RouteTag.Attribute, tag);
        return span;
    }

    /// <summary>Starts the span of a request that is not a probe.</summary>
    public Activity? Proxy() => _source.StartActivity("kn.queueproxy.proxy");

    /// <summary>Starts the span of a request's time in the queue.</summary>
    public Activity? Wait() => _source.StartActivity("kn.queueproxy.wait");

    /// <summary>Makes the open span the parent of the user program's spans.</summary>
    public static void Propagate(HttpContext context)
    {
        if (Activity.Current is not { IdFormat: ActivityIdFormat.W3C } span)
            return;
        context.Request.Headers.TraceParent = span.Id;
        if (!string.IsNullOrEmpty(span.TraceStateString))
            context.Request.Headers.TraceState = span.TraceStateString;
    }

    /// <summary>Records how the request ended.</summary>
    public static void Answered(Activity? span, int status)
    {
        if (span is not { IsAllDataRequested: true })
            return;
        span.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
            span.SetStatus(ActivityStatusCode.Error);
    }
}
