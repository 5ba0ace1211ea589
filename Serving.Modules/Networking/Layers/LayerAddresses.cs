using Serving.Api.Networking;

namespace Serving.Networking.Layers;

/// <summary>The addresses at which a layer serves an Ingress.</summary>
/// <param name="Public">Those for clients outside the cluster.</param>
/// <param name="Private">Those for clients within it.</param>
public sealed record LayerAddresses(IngressLoadBalancerAddress Public, IngressLoadBalancerAddress Private)
{
    /// <summary>The address of a Service of the data plane; the mesh only, when there is none.</summary>
    public static IngressLoadBalancerAddress Of(string? service) =>
        string.IsNullOrEmpty(service)
            ? new IngressLoadBalancerAddress { MeshOnly = true }
            : new IngressLoadBalancerAddress { DomainInternal = service };

    /// <summary>Whether the status names these addresses and no others.</summary>
    public bool AreIn(IngressStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status is { PublicLoadBalancer.Ingress: [{ } outside], PrivateLoadBalancer.Ingress: [{ } inside] }
            && Same(outside, Public)
            && Same(inside, Private);
    }

    private static bool Same(IngressLoadBalancerAddress one, IngressLoadBalancerAddress other) =>
        one.Ip == other.Ip && one.DomainInternal == other.DomainInternal && one.MeshOnly == other.MeshOnly;
}
