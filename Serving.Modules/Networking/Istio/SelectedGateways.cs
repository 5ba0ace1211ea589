using Serving.Api.Config;
using Serving.Api.Networking;
using Serving.Kubernetes.Selectors;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio;

/// <summary>The Gateways of config-istio that expose an Ingress.</summary>
/// <param name="External">Those for rules that are reachable from outside.</param>
/// <param name="Local">Those for rules that are reachable within the cluster.</param>
internal sealed record SelectedGateways(IReadOnlyList<IstioGatewayReference> External, IReadOnlyList<IstioGatewayReference> Local)
{
    /// <summary>The Gateways whose selector matches the labels of the Ingress; where none does, those without a selector.</summary>
    public static SelectedGateways For(Ingress ingress, IstioConfig config) =>
        new(Select(config.ExternalGateways, ingress), Select(config.LocalGateways, ingress));

    /// <summary>The Gateways of rules with a visibility.</summary>
    public IReadOnlyList<IstioGatewayReference> Of(string visibility) => visibility == IngressVisibility.ClusterLocal ? Local : External;

    private static IReadOnlyList<IstioGatewayReference> Select(IReadOnlyList<IstioGatewayReference> gateways, Ingress ingress)
    {
        var selected = gateways
            .Where(gateway => gateway.Selector is { } selector && LabelMatcher.Of(selector).Matches(ingress.Metadata.Labels))
            .ToList();
        return selected.Count > 0 ? selected : [.. gateways.Where(static gateway => gateway.Selector is null)];
    }
}
