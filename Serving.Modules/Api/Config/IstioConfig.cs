namespace Serving.Api.Config;

/// <summary>config-istio: the Gateways of Istio that expose Routes.</summary>
public sealed record IstioConfig
{
    /// <summary>The defaults.</summary>
    public static IstioConfig Default { get; } = For("cluster.local");

    /// <summary>The Gateways for external traffic.</summary>
    public required IReadOnlyList<IstioGatewayReference> ExternalGateways { get; init; }

    /// <summary>The Gateways for traffic from within the cluster.</summary>
    public required IReadOnlyList<IstioGatewayReference> LocalGateways { get; init; }

    /// <summary>Whether there is a Gateway. Without any, Routes are reachable through the mesh only.</summary>
    public bool HasGateways => ExternalGateways.Count > 0 || LocalGateways.Count > 0;

    /// <summary>The defaults in a cluster with this domain.</summary>
    public static IstioConfig For(string clusterDomain) =>
        new()
        {
            ExternalGateways = [Gateway("knative-ingress-gateway", "istio-ingressgateway", clusterDomain)],
            LocalGateways = [Gateway("knative-local-gateway", "knative-local-gateway", clusterDomain)],
        };

    private static IstioGatewayReference Gateway(string name, string service, string clusterDomain) =>
        new(IstioGatewayReference.DefaultNamespace, name, $"{service}.istio-system.svc.{clusterDomain}");
}
