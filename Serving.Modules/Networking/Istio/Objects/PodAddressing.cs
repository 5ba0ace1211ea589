using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Istio.Objects;

/// <summary>
/// Makes what lets activator and autoscaler address single pods through the mesh: requests to a revision's private Service that carry the
/// header K-Passthrough-Lb keep the address they were sent to, all others are balanced.
/// </summary>
internal static class PodAddressing
{
    private const string Normal = "normal";
    private const string Direct = "direct";

    public static IstioVirtualService VirtualService(ServerlessService owner, string clusterDomain)
    {
        var host = HostOf(owner, clusterDomain);
        return new IstioVirtualService
        {
            ApiVersion = IstioResources.VirtualServices.ApiVersion,
            Kind = IstioResources.VirtualServices.Kind,
            Metadata = Meta(owner),
            Spec = new IstioVirtualServiceSpec
            {
                Hosts = [host],
                Http =
                [
                    new IstioHttpRoute
                    {
                        Match =
                        [
                            new IstioHttpMatch
                            {
                                Headers = new Dictionary<string, IstioStringMatch>
                                {
                                    [Headers.PassthroughLoadBalancing] = new() { Exact = "true" },
                                },
                            },
                        ],
                        Route = [To(host, Direct)],
                    },
                    new IstioHttpRoute { Route = [To(host, Normal)] },
                ],
            },
        };
    }

    public static IstioDestinationRule DestinationRule(ServerlessService owner, string clusterDomain) =>
        new()
        {
            ApiVersion = IstioResources.DestinationRules.ApiVersion,
            Kind = IstioResources.DestinationRules.Kind,
            Metadata = Meta(owner),
            Spec = new IstioDestinationRuleSpec
            {
                Host = HostOf(owner, clusterDomain),
                Subsets = [Subset(Normal, "LEAST_REQUEST"), Subset(Direct, "PASSTHROUGH")],
            },
        };

    private static string HostOf(ServerlessService owner, string clusterDomain) =>
        HostNames.OfService(owner.Status.PrivateServiceName, owner.Metadata.Namespace, clusterDomain);

    private static ObjectMeta Meta(ServerlessService owner) =>
        new()
        {
            Namespace = owner.Metadata.Namespace,
            Name = owner.Status.PrivateServiceName,
            OwnerReferences = [Ownership.ControllerReference(Resources.ServerlessServices, owner)],
        };

    private static IstioRouteDestination To(string host, string subset) =>
        new()
        {
            Destination = new IstioDestination { Host = host, Subset = subset },
        };

    private static IstioSubset Subset(string name, string balancer) =>
        new()
        {
            Name = name,
            TrafficPolicy = new IstioTrafficPolicy { LoadBalancer = new IstioLoadBalancer { Simple = balancer } },
        };
}
