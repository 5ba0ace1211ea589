namespace Serving.Api.Config;

/// <summary>config-gateway: the Gateways of the Gateway API that carry the traffic of Ingresses.</summary>
public sealed record GatewayApiConfig
{
    /// <summary>The defaults: those of an Istio that serves the Gateway API.</summary>
    public static GatewayApiConfig Default { get; } = new();

    /// <summary>The Gateway for traffic from outside the cluster.</summary>
    public GatewaySelection ExternalGateway { get; init; } =
        new("istio", new ObjectName("istio-system", "knative-gateway"), new ObjectName("istio-system", "istio-ingressgateway"))
        {
            SupportedFeatures = ["HTTPRouteRequestTimeout"],
        };

    /// <summary>The Gateway for traffic within the cluster.</summary>
    public GatewaySelection LocalGateway { get; init; } =
        new("istio", new ObjectName("istio-system", "knative-local-gateway"), new ObjectName("istio-system", "knative-local-gateway"))
        {
            SupportedFeatures = ["HTTPRouteRequestTimeout"],
        };
}
