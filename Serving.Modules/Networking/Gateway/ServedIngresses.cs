using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Hosting;

namespace Serving.Networking.Gateway;

/// <summary>
/// Decides which Ingresses this gateway serves: those of its class, and those that moved to another class until that class serves them. The
/// status tells the latter: it names the addresses of the layer that serves the Ingress.
/// </summary>
/// <param name="options">The class and the Services of the gateway.</param>
/// <param name="environment">The namespace and the domain of the Services.</param>
internal sealed class ServedIngresses(GatewayOptions options, ClusterEnvironment environment)
{
    /// <summary>The address for traffic from outside.</summary>
    public IngressLoadBalancerAddress Public { get; } = new() { DomainInternal = options.ExternalDomain(environment) };

    /// <summary>The address for traffic within the cluster.</summary>
    public IngressLoadBalancerAddress Private { get; } = new() { DomainInternal = options.InternalDomain(environment) };

    /// <summary>Whether the Ingress has the class of the gateway.</summary>
    public bool IsOfClass(Ingress ingress) => NetworkingKeys.IngressClass.Value(ingress.Metadata.Annotations) == options.IngressClass;

    /// <summary>Whether the gateway has routes for the Ingress.</summary>
    public bool Contains(Ingress ingress) => IsOfClass(ingress) || IsReadyHere(ingress.Status);

    /// <summary>Whether the status names the addresses of this gateway.</summary>
    public bool IsReadyHere(IngressStatus status) =>
        status is { PublicLoadBalancer.Ingress: [{ } outside], PrivateLoadBalancer.Ingress: [{ } inside] }
        && outside.DomainInternal == Public.DomainInternal
        && inside.DomainInternal == Private.DomainInternal;
}
