using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Istio.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Istio;

/// <summary>
/// The network layer Istio: makes VirtualServices, Gateways and DestinationRules from the Ingresses of class
/// <c>istio.ingress.networking.knative.dev</c>, and with <c>enable-mesh-pod-addressability</c> from ServerlessServices. Requests are
/// Istio's; nothing of them passes through this process.
/// </summary>
public sealed class IstioModule : NetworkLayerModule
{
    /// <param name="context">What it gets from the process.</param>
    public IstioModule(LayerContext context)
        : base(IstioLayer.Layer, context) { }

    /// <inheritdoc/>
    protected override LayerReconciler MakeReconciler(ILister<Ingress> ingresses, StatusProber prober)
    {
        var informers = Context.Informers;
        var services = informers.For(Resources.Services).Lister;
        var listers = new IstioListers(
            ingresses,
            informers.For(IstioResources.VirtualServices).Lister,
            informers.For(IstioResources.Gateways).Lister,
            informers.For(IstioResources.DestinationRules).Lister,
            informers.For(Resources.Secrets).Lister
        );
        return new IstioReconciler(
            listers,
            new IstioPlanner(listers.Secrets, services, Context.Environment),
            new ProbeTargets(listers.Gateways, services, informers.For(Resources.Endpoints).Lister, Context.Environment.ClusterDomain),
            () => Context.Config.Current,
            prober,
            Context.Events,
            Context.Time
        );
    }

    /// <inheritdoc/>
    protected override void Watch(ReconcileLoop loop, LayerReconciler reconciler)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(reconciler);
        var informers = Context.Informers;
        var kind = Resources.Ingresses.Kind;
        var ingresses = informers.For(Resources.Ingresses).Lister;
        loop.Owns(informers.For(IstioResources.VirtualServices), kind)
            .Owns(informers.For(IstioResources.DestinationRules), kind)
            .Owns(informers.For(IstioResources.Gateways), kind)
            .Watches(
                informers.For(IstioResources.Gateways),
                gateway =>
                    Ownership.ControllerOf(gateway) is { Kind: "Secret" } secret ? Using(gateway.Metadata.Namespace, secret.Name)
                    : IsConfigured(gateway) ? reconciler.NotReady()
                    : []
            )
            .Watches(
                informers.For(Resources.Secrets),
                secret =>
                    SecretMaker.OriginOf(secret) is { } origin
                        ? Using(origin.Namespace, origin.Name)
                        : Using(secret.Metadata.Namespace, secret.Metadata.Name)
            )
            .Watches(informers.For(Resources.Services), service => IsOfGateway(service) ? reconciler.Served() : LeadingTo(service))
            .Watches(informers.For(Resources.Endpoints), endpoints => IsOfGateway(endpoints) ? reconciler.NotReady() : []);

        // A DestinationRule depends on the ports of the backend.
        IEnumerable<ObjectKey> LeadingTo(CoreService service) =>
            Context.Config.Current.Network.SystemInternalTls
                ? ingresses
                    .List(service.Metadata.Namespace)
                    .Where(ingress =>
                        DestinationRuleMaker.BackendsOf(ingress).Contains((service.Metadata.Namespace, service.Metadata.Name))
                    )
                    .Select(static ingress => ObjectKey.Of(ingress))
                : [];

        IEnumerable<ObjectKey> Using(string ns, string name) =>
            (ns, name) == (Context.Environment.SystemNamespace, DestinationRuleMaker.Authority)
                ? reconciler.Served()
                : ingresses
                    .List()
                    .Where(ingress => ingress.Spec.Tls.Any(tls => tls.SecretNamespace == ns && tls.SecretName == name))
                    .Select(static ingress => ObjectKey.Of(ingress));
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<LayerLoop> MoreLoops()
    {
        var informers = Context.Informers;
        var serverlessServices = informers.For(Resources.ServerlessServices);
        var virtualServices = informers.For(IstioResources.VirtualServices);
        var destinationRules = informers.For(IstioResources.DestinationRules);
        var reconciler = new PodAddressingReconciler(
            serverlessServices.Lister,
            virtualServices.Lister,
            destinationRules.Lister,
            () => Context.Config.Current,
            Context.Environment.ClusterDomain
        );
        var kind = Resources.ServerlessServices.Kind;
        var loop = new ReconcileLoop(reconciler, Context.Loggers.CreateLogger<PodAddressingReconciler>(), Context.Time)
            .For(serverlessServices)
            .Owns(virtualServices, kind)
            .Owns(destinationRules, kind);
        return
        [
            new LayerLoop(
                loop,
                reconciler.All,
                static (old, current) => old.Network.EnableMeshPodAddressability != current.Network.EnableMeshPodAddressability
            ),
        ];
    }

    /// <inheritdoc/>
    protected override bool Concerns(ConfigSnapshot old, ConfigSnapshot current)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(current);
        return old.Istio != current.Istio || old.Network != current.Network;
    }

    private bool IsConfigured(IstioGateway gateway) =>
        Gateways().Any(reference => reference.Namespace == gateway.Metadata.Namespace && reference.Name == gateway.Metadata.Name);

    private bool IsOfGateway(KubernetesObject service) =>
        Gateways()
            .Any(reference => reference.ServiceNamespace == service.Metadata.Namespace && reference.ServiceName == service.Metadata.Name);

    private IEnumerable<IstioGatewayReference> Gateways() =>
        Context.Config.Current.Istio.ExternalGateways.Concat(Context.Config.Current.Istio.LocalGateways);
}
