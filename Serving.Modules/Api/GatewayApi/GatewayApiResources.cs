using Serving.Api.Core;

namespace Serving.Api.GatewayApi;

/// <summary>The resources of the Gateway API, which a cluster may lack; for those of every cluster see <see cref="Resources"/>.</summary>
public static class GatewayApiResources
{
    /// <summary>The API group.</summary>
    public const string Group = "gateway.networking.k8s.io";

    public static ResourceType<HttpRoute> HttpRoutes { get; } =
        new(Group, "v1", "httproutes", "HTTPRoute", ApiJson.Default.Of<HttpRoute>(), ApiJson.Default.Of<KubernetesList<HttpRoute>>());

    public static ResourceType<KubernetesGateway> Gateways { get; } =
        new(
            Group,
            "v1",
            "gateways",
            "Gateway",
            ApiJson.Default.Of<KubernetesGateway>(),
            ApiJson.Default.Of<KubernetesList<KubernetesGateway>>()
        );

    public static ResourceType<ReferenceGrant> ReferenceGrants { get; } =
        new(
            Group,
            "v1beta1",
            "referencegrants",
            "ReferenceGrant",
            ApiJson.Default.Of<ReferenceGrant>(),
            ApiJson.Default.Of<KubernetesList<ReferenceGrant>>()
        );

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ResourceType> All { get; } = [HttpRoutes, Gateways, ReferenceGrants];
}
