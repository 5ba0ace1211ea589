using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Routes.Resources;

/// <summary>A Kubernetes Service that provides the cluster-local name of a Route (or one of its tags), and its Endpoints when it needs
/// some.</summary>
internal sealed record Placeholder(CoreService Service, Endpoints? Endpoints);

/// <summary>Makes the Kubernetes Services of a Route: first to reserve the name, then to point to the load balancer of its
/// Ingress.</summary>
internal static class PlaceholderMaker
{
    private const string AppProtocol = "kubernetes.io/h2c";

    /// <summary>Reserves the name before the Ingress has a load balancer.</summary>
    public static CoreService Hold(Route route, string hostname, string domain) =>
        New(
            route,
            hostname,
            new CoreServiceSpec
            {
                Type = "ExternalName",
                ExternalName = domain,
                SessionAffinity = "None",
                Ports = [Http2Port],
            }
        );

    /// <summary>Points to the load balancer: its IP, else its internal domain, else its external domain. Null while there is none, or more
    /// than one.</summary>
    /// <param name="route">The Route.</param>
    /// <param name="hostname">The Service's name.</param>
    /// <param name="ingress">The Route's Ingress.</param>
    /// <param name="isPrivate">Whether the Service is marked cluster-local.</param>
    public static Placeholder? Point(Route route, string hostname, Ingress ingress, bool isPrivate)
    {
        var inside = ingress.Status.PrivateLoadBalancer;
        var balancers = isPrivate || inside?.Ingress.Count > 0 ? inside : ingress.Status.PublicLoadBalancer;
        if (balancers?.Ingress is not [var balancer])
        {
            return null;
        }

        if (balancer.Ip.Length > 0)
        {
            var service = New(
                route,
                hostname,
                new CoreServiceSpec
                {
                    Type = "ClusterIP",
                    ClusterIP = "None",
                    Ports = [Http2Port],
                }
            );
            return new Placeholder(
                service,
                new Endpoints
                {
                    ApiVersion = ApiResources.Endpoints.ApiVersion,
                    Kind = ApiResources.Endpoints.Kind,
                    Metadata = service.Metadata,
                    Subsets =
                    [
                        new EndpointSubset
                        {
                            Addresses = [new EndpointAddress { Ip = balancer.Ip }],
                            Ports =
                            [
                                new EndpointPort
                                {
                                    Name = NetworkingKeys.ServicePortNameH2C,
                                    AppProtocol = AppProtocol,
                                    Port = NetworkingKeys.ServiceHttpPort,
                                },
                            ],
                        },
                    ],
                }
            );
        }

        CoreServiceSpec? spec = balancer switch
        {
            { DomainInternal.Length: > 0 } => new CoreServiceSpec
            {
                Type = "ExternalName",
                ExternalName = balancer.DomainInternal,
                SessionAffinity = "None",
                Ports = [Http2Port],
            },
            { Domain.Length: > 0 } => new CoreServiceSpec
            {
                Type = "ExternalName",
                ExternalName = balancer.Domain,
                Ports = [Http2Port],
            },
            { MeshOnly: true } => new CoreServiceSpec
            {
                Type = "ClusterIP",
                Ports = [new ServicePort { Name = NetworkingKeys.ServicePortNameHttp1, Port = NetworkingKeys.ServiceHttpPort }],
            },
            _ => null,
        };
        return spec is null ? null : new Placeholder(New(route, hostname, spec), null);
    }

    private static ServicePort Http2Port =>
        new()
        {
            Name = NetworkingKeys.ServicePortNameH2C,
            AppProtocol = AppProtocol,
            Port = NetworkingKeys.ServiceHttpPort,
            TargetPort = NetworkingKeys.ServiceHttpPort,
        };

    private static CoreService New(Route route, string hostname, CoreServiceSpec spec) =>
        new()
        {
            ApiVersion = ApiResources.Services.ApiVersion,
            Kind = ApiResources.Services.Kind,
            Metadata = new ObjectMeta
            {
                Name = hostname,
                Namespace = route.Metadata.Namespace,
                // Users set the visibility of a single tag on its Service, so the Route's label is not copied to it.
                Labels = Maps.Union(
                    route.Metadata.Labels.Without(key => key == NetworkingKeys.Visibility),
                    new Dictionary<string, string> { [ServingKeys.Route] = route.Metadata.Name }
                ),
                Annotations = route.Metadata.Annotations,
                OwnerReferences = [Ownership.ControllerReference(ApiResources.Routes, route)],
            },
            Spec = spec,
        };
}
