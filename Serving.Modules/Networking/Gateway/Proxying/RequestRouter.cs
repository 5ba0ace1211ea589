using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Api.WellKnown;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Tracing;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Handles every request: finds its route in the current table, prepares the headers and passes it to the forwarder.
/// <code>
/// listener → reject malformed → host → path and headers → probe? redirect? → drop internal headers → split → backend
///                                 ▲                                                                            │
///                                 └──── cluster-local table, with the rewritten host ──────────────────────────┘
/// </code>
/// The way back is for a backend that is a Service which stands for this gateway.
/// </summary>
/// <param name="forwarder">Forwards to the backend.</param>
/// <param name="metrics">Counts requests that no backend gets.</param>
/// <param name="tracer">Creates the spans of requests.</param>
/// <param name="log">The access log; null for none.</param>
/// <param name="limits">The number of trusted proxies in front of each listener.</param>
internal sealed class RequestRouter(
    BackendForwarder forwarder,
    GatewayMetrics metrics,
    RequestTracer tracer,
    RequestLog? log,
    ListenerLimits limits
)
{
    /// <summary>Maximum number of passes through the table; more means a loop.</summary>
    internal const int MaxDepth = 3;

    private const string NoRoute = "no route leads to this host and path";

    private RouteTable _table = RouteTable.Empty;

    /// <summary>The current table. Requests in flight keep the table they started with.</summary>
    public RouteTable Table
    {
        get => Volatile.Read(ref _table);
        set => Volatile.Write(ref _table, value);
    }

    /// <summary>Handles a request from an external listener.</summary>
    public Task HandleExternalAsync(HttpContext context) => HandleAsync(context, Listener.External);

    /// <summary>Handles a request from a cluster-local listener.</summary>
    public Task HandleClusterLocalAsync(HttpContext context) => HandleAsync(context, Listener.ClusterLocal);

    private Task HandleAsync(HttpContext context, Listener listener) =>
        tracer.IsOn && !NetworkProbe.Is(context.Request) && tracer.TryBegin(context.Request, out var parent)
            ? HandleAndTraceAsync(context, listener, parent)
            : HandleUntracedAsync(context, listener);

    private async Task HandleAndTraceAsync(HttpContext context, Listener listener, ActivityContext parent)
    {
        using var span = tracer.Serve(context, GatewaySpan.Name, parent);
        span?.SetTag(GatewaySpan.ListenerTag, listener.Name());
        try
        {
            await HandleUntracedAsync(context, listener);
            SpanAttributes.Responded(span, RequestStatus.Of(context));
        }
        catch (Exception exception)
        {
            SpanAttributes.Failed(span, exception);
            throw;
        }
    }

    private Task HandleUntracedAsync(HttpContext context, Listener listener) =>
        log is { IsOn: true } && !NetworkProbe.Is(context.Request)
            ? HandleAndLogAsync(context, listener, log)
            : RouteAsync(context, listener, null);

    private async Task HandleAndLogAsync(HttpContext context, Listener listener, RequestLog requests)
    {
        var started = Stopwatch.GetTimestamp();
        var record = new AccessRecord(listener, context.Request.Host);
        context.Features.Set(record);
        var body = CountingBody.Watch(context);
        var failed = true;
        try
        {
            await RouteAsync(context, listener, record);
            failed = false;
        }
        finally
        {
            var status = RequestStatus.Of(context, failed);
            context.Request.Host = record.Host;
            requests.Write(context, status, body.Written, Stopwatch.GetElapsedTime(started), record.Revision(), record.Routing());
        }
    }

    private Task RouteAsync(HttpContext context, Listener listener, AccessRecord? record)
    {
        var now = Table;
        var external = listener == Listener.External;
        var request = context.Request;
        if (RequestPath.Climbs(context.Features.Get<IHttpRequestFeature>()?.RawTarget))
        {
            metrics.Unrouted(listener, UnroutedReason.BadPath);
            return PlainText.WriteErrorAsync(context, StatusCodes.Status400BadRequest, "the path must not contain ..");
        }

        if (Find(external ? now.External : now.ClusterLocal, request.Host.Value, request) is not { } route)
        {
            metrics.Unrouted(listener, UnroutedReason.NoRoute);
            return PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, NoRoute);
        }

        if (NetworkProbe.Is(request))
        {
            return NetworkProbe.AnswerAsync(context, route);
        }

        var trustedHops = limits.TrustedHops(external);
        record?.Route = route;
        if (route.RedirectToHttps && external && ForwardedHeaders.SchemeOf(request, trustedHops) != "https")
        {
            metrics.Unrouted(listener, UnroutedReason.Redirect);
            context.Response.Headers.Location = $"https://{HostTable.NameOf(request.Host.Value)}{RawTarget(context)}";
            context.Response.StatusCode = StatusCodes.Status301MovedPermanently;
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        }

        ForwardedHeaders.Apply(context, trustedHops > 0);
        InternalHeaders.Remove(request.Headers, keepTag: true);
        return ForwardAsync(context, now, route, listener, record);
    }

    private Task ForwardAsync(HttpContext context, RouteTable now, Route route, Listener listener, AccessRecord? record)
    {
        var knowsTags = false;
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            knowsTags |= route.KnowsTags;
            record?.Route = route;
            if (route.Choose(Random.Shared.NextDouble()) is not { } split)
            {
                metrics.Unrouted(listener, UnroutedReason.NoBackend);
                return PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "the route has no backend");
            }

            var request = context.Request;
            Set(request.Headers, route.SetHeaders);
            Set(request.Headers, split.SetHeaders);
            if (route.RewriteHost is { } host)
            {
                request.Host = new HostString(host);
            }

            if (!split.Backend.Resolve().LeadsToGateway)
            {
                if (!knowsTags)
                {
                    request.Headers.Remove(Headers.Tag);
                }

                record?.Split = split;
                if (tracer.IsRecording)
                {
                    GatewaySpan.Describe(route, split);
                }

                return forwarder.ForwardAsync(context, split);
            }

            if (Find(now.ClusterLocal, request.Host.Value, request) is not { } next)
            {
                metrics.Unrouted(listener, UnroutedReason.NoRoute);
                return PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, NoRoute);
            }

            route = next;
        }

        metrics.Unrouted(listener, UnroutedReason.Loop);
        return PlainText.WriteErrorAsync(context, StatusCodes.Status508LoopDetected, "the route leads to itself");
    }

    private static Route? Find(HostTable hosts, string? host, HttpRequest request)
    {
        var path = request.Path.Value;
        return hosts.Find(host)?.Match(string.IsNullOrEmpty(path) ? "/" : path, request.Headers);
    }

    private static void Set(IHeaderDictionary headers, KeyValuePair<string, string>[] values)
    {
        foreach (var (name, value) in values)
        {
            headers[name] = value;
        }
    }

    private static string RawTarget(HttpContext context)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        return raw is ['/', ..] ? raw : context.Request.Path.ToUriComponent() + context.Request.QueryString.ToUriComponent();
    }
}
