using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Api.WellKnown;
using Serving.Dataplane.Requests;
using Serving.Networking.Gateway.Routing;

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
internal sealed class RequestRouter(BackendForwarder forwarder, int trustedHops)
{
    /// <summary>Maximum number of passes through the table; more means a loop.</summary>
    private const int MaxDepth = 3;

    private const string NoRoute = "no route leads to this host and path";

    private RouteTable _table = RouteTable.Empty;

    /// <summary>The current table. Requests in flight keep the table they started with.</summary>
    public RouteTable Table
    {
        get => Volatile.Read(ref _table);
        set => Volatile.Write(ref _table, value);
    }

    /// <summary>Handles a request from an external listener.</summary>
    public Task HandleExternalAsync(HttpContext context)
    {
        var now = Table;
        return HandleAsync(context, now, now.External, external: true);
    }

    /// <summary>Handles a request from a cluster-local listener.</summary>
    public Task HandleClusterLocalAsync(HttpContext context)
    {
        var now = Table;
        return HandleAsync(context, now, now.ClusterLocal, external: false);
    }

    private Task HandleAsync(HttpContext context, RouteTable now, HostTable hosts, bool external)
    {
        var request = context.Request;
        if (RequestPath.Climbs(context.Features.Get<IHttpRequestFeature>()?.RawTarget))
        {
            return PlainText.WriteErrorAsync(context, StatusCodes.Status400BadRequest, "the path must not contain ..");
        }

        if (Find(hosts, request.Host.Value, request) is not { } route)
        {
            return PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, NoRoute);
        }

        if (NetworkProbe.Is(request))
        {
            return NetworkProbe.AnswerAsync(context, route);
        }

        if (route.RedirectToHttps && external && ForwardedHeaders.SchemeOf(request, trustedHops) != "https")
        {
            context.Response.Headers.Location = $"https://{HostTable.NameOf(request.Host.Value)}{RawTarget(context)}";
            context.Response.StatusCode = StatusCodes.Status301MovedPermanently;
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        }

        ForwardedHeaders.Apply(context, trustedHops > 0);
        InternalHeaders.Remove(request.Headers, keepTag: true);
        return ForwardAsync(context, now, route);
    }

    private Task ForwardAsync(HttpContext context, RouteTable now, Route route)
    {
        var knowsTags = false;
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            knowsTags |= route.KnowsTags;
            if (route.Choose(Random.Shared.NextDouble()) is not { } split)
            {
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

                return forwarder.ForwardAsync(context, split);
            }

            if (Find(now.ClusterLocal, request.Host.Value, request) is not { } next)
            {
                return PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, NoRoute);
            }

            route = next;
        }

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
