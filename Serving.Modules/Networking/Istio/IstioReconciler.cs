using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Istio.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Istio;

/// <summary>
/// Makes the objects of Istio for an Ingress (<see cref="IstioPlanner"/>). What VirtualServices name is written before them, and what they
/// no longer name is deleted after them, so that a change leaves no route without a Gateway.
/// </summary>
internal sealed class IstioReconciler : LayerReconciler
{
    private readonly IstioListers _listers;
    private readonly Func<ConfigSnapshot> _config;
    private readonly IstioPlanner _planner;
    private readonly ProbeTargets _targets;
    private readonly SecretCopies _copies;

    /// <param name="listers">The caches.</param>
    /// <param name="planner">Computes the objects.</param>
    /// <param name="targets">Finds what is probed.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="prober">Probes the gateways.</param>
    /// <param name="events">Records events.</param>
    /// <param name="time">The clock of conditions.</param>
    public IstioReconciler(
        IstioListers listers,
        IstioPlanner planner,
        ProbeTargets targets,
        Func<ConfigSnapshot> config,
        StatusProber prober,
        IEventRecorder events,
        TimeProvider time
    )
        : base(IstioLayer.Layer, listers.Ingresses, prober, events, time)
    {
        (_listers, _planner, _targets, _config) = (listers, planner, targets, config);
        _copies = new SecretCopies(listers.Secrets, listers.Ingresses, events);
    }

    /// <inheritdoc/>
    protected override async Task<LayerResult> ApplyAsync(
        ReconcilePass<Ingress, IngressStatus> pass,
        Ingress ingress,
        CancellationToken cancellation
    )
    {
        var config = _config();
        var objects = _planner.Plan(ingress, config.Istio, config.Network);
        await _copies.EnsureAsync(ingress, objects.Secrets, pass.Client, cancellation);
        foreach (var (gateway, owner) in objects.SharedGateways)
        {
            await ChildObjects.EnsureAsync(
                pass.Client,
                IstioResources.Gateways,
                owner,
                _listers.Gateways.Get(gateway.Metadata.Namespace, gateway.Metadata.Name),
                gateway,
                Update,
                cancellation
            );
        }

        await EnsureAllAsync(pass, IstioResources.Gateways, _listers.Gateways, objects.Gateways, Update, cancellation);
        await EnsureAllAsync(
            pass,
            IstioResources.DestinationRules,
            _listers.DestinationRules,
            objects.DestinationRules,
            static (existing, wanted) => existing with { Spec = wanted.Spec },
            cancellation
        );
        await EnsureVirtualServicesAsync(pass, objects.VirtualServices, cancellation);
        await DeleteOthersAsync(ingress, objects, pass.Client, cancellation);
        return config.Istio.HasGateways ? _targets.Find(ingress, SelectedGateways.For(ingress, config.Istio), objects) : new LayerResult();
    }

    /// <inheritdoc/>
    protected override LayerAddresses AddressesOf(Ingress ingress)
    {
        var selected = SelectedGateways.For(ingress, _config().Istio);
        return new LayerAddresses(
            LayerAddresses.Of(selected.External is [var external, ..] ? external.Service : null),
            LayerAddresses.Of(selected.Local is [var local, ..] ? local.Service : null)
        );
    }

    /// <inheritdoc/>
    protected override bool HasObjectsOf(Ingress ingress) => Owned(_listers.VirtualServices, ingress).Count > 0;

    /// <inheritdoc/>
    protected override async Task CleanUpAsync(Ingress ingress, IKubernetesClient client, CancellationToken cancellation)
    {
        if (ingress.Metadata.DeletionTimestamp is null)
        {
            await DeleteOthersAsync(ingress, new IstioObjects(), client, cancellation);
            return;
        }

        await _copies.DeleteAsync(ingress, [], client, cancellation);
    }

    /// <summary>Deletes what the Ingress has and does not need.</summary>
    private async Task DeleteOthersAsync(Ingress ingress, IstioObjects wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        await DeleteOthersAsync(
            IstioResources.VirtualServices,
            Owned(_listers.VirtualServices, ingress),
            wanted.VirtualServices,
            client,
            cancellation
        );
        await DeleteOthersAsync(IstioResources.Gateways, Owned(_listers.Gateways, ingress), wanted.Gateways, client, cancellation);
        await DeleteOthersAsync(
            IstioResources.DestinationRules,
            Owned(_listers.DestinationRules, ingress),
            wanted.DestinationRules,
            client,
            cancellation
        );
        await _copies.DeleteAsync(ingress, wanted.Secrets, client, cancellation);
    }

    private Task EnsureVirtualServicesAsync(
        ReconcilePass<Ingress, IngressStatus> pass,
        IReadOnlyList<IstioVirtualService> wanted,
        CancellationToken cancellation
    ) =>
        EnsureAllAsync(
            pass,
            IstioResources.VirtualServices,
            _listers.VirtualServices,
            wanted,
            static (existing, wanted) =>
                existing with
                {
                    Spec = wanted.Spec,
                    Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels, Annotations = wanted.Metadata.Annotations },
                },
            cancellation
        );

    private async Task EnsureAllAsync<T>(
        ReconcilePass<Ingress, IngressStatus> pass,
        ResourceType<T> type,
        ILister<T> lister,
        IReadOnlyList<T> wanted,
        Func<T, T, T> update,
        CancellationToken cancellation
    )
        where T : KubernetesObject
    {
        foreach (var one in wanted)
        {
            var (ns, name) = (one.Metadata.Namespace, one.Metadata.Name);
            var events = new ChildEvents(Events, $"{type.Kind} \"{name}\"") { NotCreated = $"{type.Kind} {ns}/{name}" };
            await pass.EnsureAsync(type, lister.Get(ns, name), one, update, cancellation, events);
        }
    }

    private static async Task DeleteOthersAsync<T>(
        ResourceType<T> type,
        IReadOnlyList<T> existing,
        IReadOnlyList<T> wanted,
        IKubernetesClient client,
        CancellationToken cancellation
    )
        where T : KubernetesObject
    {
        var kept = wanted.Select(static one => ObjectKey.Of(one)).ToHashSet();
        foreach (var one in existing.Where(one => !kept.Contains(ObjectKey.Of(one))).OrderBy(static one => one.Metadata.Name))
        {
            await ChildObjects.DeleteAsync(client, type, one.Metadata.Namespace, one.Metadata.Name, cancellation);
        }
    }

    /// <summary>The objects of the Ingress, by its label and owner.</summary>
    private static IReadOnlyList<T> Owned<T>(ILister<T> lister, Ingress ingress)
        where T : KubernetesObject =>
        [
            .. lister
                .ByLabel(ingress.Metadata.Namespace, NetworkingKeys.Ingress, ingress.Metadata.Name)
                .Where(one => one.IsControlledBy(ingress)),
        ];

    private static IstioGateway Update(IstioGateway existing, IstioGateway wanted) => existing with { Spec = wanted.Spec };
}
