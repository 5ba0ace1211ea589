using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.QueueProxy.Telemetry;

/// <summary>
/// The spans of a request: one for the sidecar as a server, below it <c>kn.queueproxy.proxy</c> and <c>kn.queueproxy.wait</c>. The user's program
/// sees the innermost that is open as its parent. Made only when config-observability asks for traces; without it trace headers pass as they are.
/// </summary>
internal sealed class RequestTracing : IDisposable
{
    /// <summary>The source's name.</summary>
    public const string SourceName = "Serving.QueueProxy";

    private readonly ActivitySource _source = new(SourceName);

    public void Dispose() => _source.Dispose();

    /// <summary>Begins the server's span, below the client's when it sent one.</summary>
    public Activity? Serve(HttpContext context, string tag)
    {
        var request = context.Request;
        ActivityContext.TryParse(request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var parent);
        var span = _source.StartActivity("queue", ActivityKind.Server, parent);
        if (span is not { IsAllDataRequested: true }) return span;
        span.SetTag("http.request.method", request.Method);
        span.SetTag("url.scheme", request.Scheme);
        span.SetTag("url.path", request.Path.Value);
        span.SetTag("server.address", request.Host.Host);
        span.SetTag("network.protocol.version", RequestProtocol.Version(request));
        span.SetTag("user_agent.original", request.Headers.UserAgent.ToString());
        span.SetTag(RouteTag.Attribute, tag);
        return span;
    }

    /// <summary>Begins the span of everything that is done for a request that is no probe.</summary>
    public Activity? Proxy() => _source.StartActivity("kn.queueproxy.proxy");

    /// <summary>Begins the span of the time a request waits for its turn.</summary>
    public Activity? Wait() => _source.StartActivity("kn.queueproxy.wait");

    /// <summary>Makes the open span the parent of what the user's program does.</summary>
    public static void Propagate(HttpContext context)
    {
        if (Activity.Current is not { IdFormat: ActivityIdFormat.W3C } span) return;
        context.Request.Headers.TraceParent = span.Id;
        if (!string.IsNullOrEmpty(span.TraceStateString)) context.Request.Headers.TraceState = span.TraceStateString;
    }

    /// <summary>Notes how the request ended.</summary>
    public static void Answered(Activity? span, int status)
    {
        if (span is not { IsAllDataRequested: true }) return;
        span.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError) span.SetStatus(ActivityStatusCode.Error);
    }
}
