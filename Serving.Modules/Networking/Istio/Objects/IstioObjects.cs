using Serving.Api.Core;
using Serving.Api.Istio;

namespace Serving.Networking.Istio.Objects;

/// <summary>All objects that an Ingress needs, in the order in which they are written.</summary>
internal sealed record IstioObjects
{
    /// <summary>The copies of certificates.</summary>
    public IReadOnlyList<Secret> Secrets { get; init; } = [];

    /// <summary>The Gateways of wildcard certificates, and the Secrets that own them.</summary>
    public IReadOnlyList<(IstioGateway Gateway, Secret Owner)> SharedGateways { get; init; } = [];

    /// <summary>The Gateways of the Ingress.</summary>
    public IReadOnlyList<IstioGateway> Gateways { get; init; } = [];

    /// <summary>How gateways connect to its backends.</summary>
    public IReadOnlyList<IstioDestinationRule> DestinationRules { get; init; } = [];

    /// <summary>The VirtualServices of the Ingress.</summary>
    public IReadOnlyList<IstioVirtualService> VirtualServices { get; init; } = [];

    /// <summary>The Gateways that the VirtualServices name.</summary>
    public GatewayNames Names { get; init; } = GatewayNames.None;
}
