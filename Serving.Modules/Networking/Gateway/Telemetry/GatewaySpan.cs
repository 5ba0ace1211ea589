using System.Diagnostics;
using Serving.Instruments;
using Serving.Networking.Gateway.Routing;

namespace Serving.Networking.Gateway.Telemetry;

/// <summary>The names of the gateway's spans, and how they name what a request is routed to.</summary>
internal static class GatewaySpan
{
    /// <summary>The activity source.</summary>
    public const string SourceName = "Serving.Networking.Gateway";

    /// <summary>The span of a request.</summary>
    public const string Name = "gateway";

    /// <summary>The span of an attempt to forward it.</summary>
    public const string ProxyName = "gateway_proxy";

    /// <summary>The attribute with the listener.</summary>
    public const string ListenerTag = "kn.gateway.listener";

    /// <summary>Names the Route and the Revision in the span of the request.</summary>
    public static void Describe(Route route, Split split)
    {
        if (Activity.Current is not { IsAllDataRequested: true } span)
        {
            return;
        }

        span.SetTag(RevisionNames.Namespace.Name, split.Namespace);
        span.SetTag(GatewayMetrics.RouteName.Name, route.Name);
        if (split.Revision is not { } revision)
        {
            return;
        }

        var owner = split.Backend.State.Owner;
        span.SetTag(RevisionNames.Revision.Name, revision);
        span.SetTag(RevisionNames.Service.Name, owner.Service);
        span.SetTag(RevisionNames.Configuration.Name, owner.Configuration);
    }
}
