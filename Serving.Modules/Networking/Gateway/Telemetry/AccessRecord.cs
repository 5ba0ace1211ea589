using Microsoft.AspNetCore.Http;
using Serving.Networking.Gateway.Routing;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway.Telemetry;

/// <summary>What the access log shows of how a request was routed. Created only while the log is enabled; used by one request.</summary>
/// <param name="listener">The listener it came through.</param>
/// <param name="host">The Host that the client sent.</param>
internal sealed class AccessRecord(Listener listener, HostString host)
{
    private const string Activator = "activator";

    /// <summary>The record of a request; null while the log is disabled.</summary>
    public static AccessRecord? Of(HttpContext context, RequestLog? log) =>
        log is { IsOn: true } ? context.Features.Get<AccessRecord>() : null;

    /// <summary>The Host that the client sent; a route may rewrite that of the request.</summary>
    public HostString Host => host;

    /// <summary>The route that matched last; null for none.</summary>
    public Route? Route { get; set; }

    /// <summary>The backend; null when the request was not routed to one.</summary>
    public Split? Split { get; set; }

    /// <summary>The endpoint of the last attempt; empty for none.</summary>
    public string Address { get; set; } = "";

    /// <summary>The number of attempts.</summary>
    public int Attempts { get; set; }

    /// <summary>The revision of the log line.</summary>
    public RequestLogRevision Revision()
    {
        if (Split is not { } split)
        {
            return new RequestLogRevision("", "", "", "");
        }

        var owner = split.Backend.State.Owner;
        return new RequestLogRevision(split.Namespace, split.Revision ?? "", owner.Service, owner.Configuration);
    }

    /// <summary>The route and the backend of the log line.</summary>
    public RequestLogRouting Routing() =>
        new(
            listener.Name(),
            Route?.Ingress.Namespace ?? "",
            Route?.Name ?? "",
            Route?.Ingress.Name ?? "",
            Address,
            Math.Max(Attempts - 1, 0)
        );

    /// <summary>Records an attempt.</summary>
    public void Attempt(string address, bool localActivator)
    {
        Address = localActivator ? Activator : address;
        Attempts++;
    }
}
