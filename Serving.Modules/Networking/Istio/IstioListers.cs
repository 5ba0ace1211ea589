using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;

namespace Serving.Networking.Istio;

/// <summary>The caches of a reconcile.</summary>
internal sealed record IstioListers(
    ILister<Ingress> Ingresses,
    ILister<IstioVirtualService> VirtualServices,
    ILister<IstioGateway> Gateways,
    ILister<IstioDestinationRule> DestinationRules,
    ILister<Secret> Secrets
);
