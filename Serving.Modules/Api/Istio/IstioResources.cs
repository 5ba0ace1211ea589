using Serving.Api.Core;

namespace Serving.Api.Istio;

/// <summary>The resources of Istio, which a cluster may lack; for those of every cluster see <see cref="Resources"/>.</summary>
public static class IstioResources
{
    private const string Group = "networking.istio.io";

    public static ResourceType<IstioVirtualService> VirtualServices { get; } =
        new(
            Group,
            "v1",
            "virtualservices",
            "VirtualService",
            ApiJson.Default.Of<IstioVirtualService>(),
            ApiJson.Default.Of<KubernetesList<IstioVirtualService>>()
        );

    public static ResourceType<IstioGateway> Gateways { get; } =
        new(Group, "v1", "gateways", "Gateway", ApiJson.Default.Of<IstioGateway>(), ApiJson.Default.Of<KubernetesList<IstioGateway>>());

    public static ResourceType<IstioDestinationRule> DestinationRules { get; } =
        new(
            Group,
            "v1",
            "destinationrules",
            "DestinationRule",
            ApiJson.Default.Of<IstioDestinationRule>(),
            ApiJson.Default.Of<KubernetesList<IstioDestinationRule>>()
        );

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ResourceType> All { get; } = [VirtualServices, Gateways, DestinationRules];
}
