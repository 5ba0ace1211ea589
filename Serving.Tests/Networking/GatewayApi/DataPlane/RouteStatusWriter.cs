using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;

namespace Serving.Tests.Networking.GatewayApi.DataPlane;

/// <summary>The controller of the Gateways: it writes to HTTPRoutes whether they are attached and whether their backends exist.</summary>
internal sealed class RouteStatusWriter(
    IKubernetesClient client,
    ILister<HttpRoute> routes,
    ILister<KubernetesGateway> gateways,
    ILister<CoreService> services,
    AttachedRoutes attached
)
{
    private const string Controller = "example.com/stand-in";

    /// <summary>Writes the status of every HTTPRoute that has another.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        foreach (var route in routes.List())
        {
            var wanted = new HttpRouteStatus { Parents = [.. route.Spec.ParentRefs.Select(parent => StatusOf(route, parent))] };
            if (route.Status is { } status && Show(status) == Show(wanted))
            {
                continue;
            }

            try
            {
                await client.UpdateStatusAsync(GatewayApiResources.HttpRoutes, route with { Status = wanted }, cancellation);
            }
            catch (KubernetesException stale) when (stale.IsConflict || stale.IsNotFound)
            {
                // The cache is behind; the change that it lacks brings it back here.
            }
        }
    }

    private HttpRouteParentStatus StatusOf(HttpRoute route, GatewayParentReference parent)
    {
        var accepted =
            gateways.Get(parent.Namespace, parent.Name) is { } gateway
            && gateway.Spec.Listeners.Any(listener =>
                (parent.SectionName.Length == 0 || parent.SectionName == listener.Name) && attached.IsAttached(route, gateway, listener)
            );
        var resolved = route
            .Spec.Rules.SelectMany(static rule => rule.BackendRefs)
            .All(backend => services.Get(route.Metadata.Namespace, backend.Name) is not null);
        return new HttpRouteParentStatus
        {
            ParentRef = parent,
            ControllerName = Controller,
            Conditions = [ConditionOf("Accepted", accepted, "NoMatchingParent"), ConditionOf("ResolvedRefs", resolved, "BackendNotFound")],
        };
    }

    private static Condition ConditionOf(string type, bool holds, string reason) =>
        new()
        {
            Type = type,
            Status = holds ? "True" : "False",
            Reason = holds ? type : reason,
            Message = holds ? "it is" : "it is not",
            LastTransitionTime = DateTimeOffset.UnixEpoch,
        };

    private static string Show(HttpRouteStatus status) =>
        string.Join(
            ';',
            status.Parents.Select(static parent =>
                $"{parent.ParentRef.Name}/{parent.ParentRef.SectionName} {string.Join(',', parent.Conditions.Select(static c => c.Type + c.Status))}"
            )
        );
}
