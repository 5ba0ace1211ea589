using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.GatewayApi.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.GatewayApi;

/// <summary>
/// The network layer of the Gateway API: its Ingresses become HTTPRoutes, and listeners with the certificates of their hosts, of the two
/// Gateways that config-gateway names. Any implementation of the Gateway API carries the traffic. A cluster that has no such Ingress needs
/// neither the kinds of the Gateway API nor the rights to them.
/// </summary>
public sealed class GatewayApiModule : NetworkLayerModule
{
    private IInformer<HttpRoute>? _routes;
    private IInformer<KubernetesGateway>? _gateways;
    private IInformer<ReferenceGrant>? _grants;
    private IInformer<Endpoints>? _endpoints;

    /// <param name="context">What the module gets from the process.</param>
    public GatewayApiModule(LayerContext context)
        : base(Layer, context) { }

    /// <summary>What identifies the layer.</summary>
    internal static NetworkLayer Layer { get; } =
        new("gateway-api", "the Gateway API", "gateway-api.ingress.networking.knative.dev", GatewayApiResources.All)
        {
            Controllers = ["net-gateway-api-controller.knative.dev.net-gateway-api.pkg.reconciler.ingress.Reconciler"],
        };

    private GatewayApiConfig Config => Context.Config.Current.GatewayApi;

    /// <inheritdoc/>
    protected override LayerReconciler MakeReconciler(ILister<Ingress> ingresses, StatusProber prober)
    {
        _routes = Context.Informers.For(GatewayApiResources.HttpRoutes);
        _gateways = Context.Informers.For(GatewayApiResources.Gateways);
        _grants = Context.Informers.For(GatewayApiResources.ReferenceGrants);
        _endpoints = Context.Informers.For(Resources.Endpoints);
        return new GatewayApiReconciler(
            Layer,
            ingresses,
            prober,
            new RouteObjects(_routes.Lister, Context.Events),
            new ListenerObjects(_gateways.Lister, _grants.Lister, Context.Events),
            new GatewayPods(_gateways.Lister, _endpoints.Lister, Context.Environment.ClusterDomain),
            () => Config,
            Context.Events,
            Context.Time
        );
    }

    /// <inheritdoc/>
    protected override void Watch(ReconcileLoop loop, LayerReconciler reconciler)
    {
        ArgumentNullException.ThrowIfNull(loop);
        loop.Owns(_routes!, Resources.Ingresses.Kind)
            .Owns(_grants!, Resources.Ingresses.Kind)
            // A Gateway may lose our listeners, gain listeners for HTTPS, or get another address. Its status changes with every HTTPRoute.
            .WatchesChanges(_gateways!, change => IsSelected(change.Object) && Concerns(change) ? reconciler.Served() : [])
            .Watches(_endpoints!, endpoints => IsSelected(endpoints) ? reconciler.NotReady() : []);
    }

    /// <inheritdoc/>
    protected override bool Concerns(ConfigSnapshot old, ConfigSnapshot current)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(current);
        return old.GatewayApi != current.GatewayApi;
    }

    /// <summary>Whether a change of a Gateway concerns its Ingresses.</summary>
    internal static bool Concerns(Change<KubernetesGateway> change) =>
        change is not { Old: { } old, New: { } current }
        || !ApiEquality.Same(old.Spec, current.Spec)
        || !ApiEquality.Same(GatewayPods.FirstAddressOf(old), GatewayPods.FirstAddressOf(current));

    private bool IsSelected(KubernetesGateway gateway)
    {
        var name = new ObjectName(gateway.Metadata.Namespace, gateway.Metadata.Name);
        return name == Config.ExternalGateway.Gateway || name == Config.LocalGateway.Gateway;
    }

    private bool IsSelected(Endpoints endpoints)
    {
        var name = new ObjectName(endpoints.Metadata.Namespace, endpoints.Metadata.Name);
        return name == Config.ExternalGateway.Service || name == Config.LocalGateway.Service;
    }
}
