using Serving.Api;
using Serving.Api.Istio;
using Serving.Api.WellKnown;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio;

/// <summary>What identifies the layer.</summary>
internal static class IstioLayer
{
    public static NetworkLayer Layer { get; } =
        new("istio", "Istio", NetworkingKeys.IstioIngressClass, [.. IstioResources.All, Resources.Secrets])
        {
            Controllers = ["net-istio-controller.knative.dev.net-istio.pkg.reconciler.ingress.Reconciler"],
        };
}
