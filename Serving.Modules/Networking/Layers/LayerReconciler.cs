using Serving.Api;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Layers;

/// <summary>
/// Reconciles the Ingresses of one class: a layer brings its objects to what the Ingress wants (<see cref="ApplyAsync"/>); this class adds
/// the finalizer, probes the data plane, writes the conditions and cleans up. Invariants: an Ingress that is Ready stays so without probes
/// until its specification or its addresses change, and the objects of an Ingress that moved to another class are deleted only after that
/// class serves it.
/// </summary>
public abstract class LayerReconciler : StatusReconciler<Ingress, IngressStatus>
{
    private const string NotReconciled = "ReconcileIngressFailed";

    /// <summary>How often an Ingress is looked at that waits for something nobody may announce.</summary>
    private static readonly TimeSpan WaitingInterval = TimeSpan.FromSeconds(5);

    private readonly NetworkLayer _layer;
    private readonly ILister<Ingress> _ingresses;
    private readonly StatusProber _prober;

    /// <param name="layer">Which Ingresses it reconciles.</param>
    /// <param name="ingresses">The cache of all Ingresses.</param>
    /// <param name="prober">Probes the data plane.</param>
    /// <param name="events">Records events.</param>
    /// <param name="time">The clock of conditions.</param>
    protected LayerReconciler(NetworkLayer layer, ILister<Ingress> ingresses, StatusProber prober, IEventRecorder events, TimeProvider time)
        : base(Resources.Ingresses, ingresses, IngressLifecycle.Conditions, events, time)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(prober);
        (_layer, _ingresses, _prober) = (layer, ingresses, prober);
    }

    /// <inheritdoc/>
    public override string Name => $"{_layer.Name}-ingress";

    /// <summary>The Ingresses of the class.</summary>
    public IEnumerable<ObjectKey> Served() => _ingresses.List().Where(_layer.Serves).Select(static ingress => ObjectKey.Of(ingress));

    /// <summary>The Ingresses of the class that are not Ready.</summary>
    public IEnumerable<ObjectKey> NotReady() =>
        _ingresses
            .List()
            .Where(ingress => _layer.Serves(ingress) && !IngressLifecycle.IsReady(ingress))
            .Select(static ingress => ObjectKey.Of(ingress));

    /// <summary>Whether this layer made the Ingress Ready, for its newest specification and at its present addresses.</summary>
    protected bool IsSettled(Ingress ingress)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return IngressLifecycle.IsReady(ingress) && IsOwn(ingress.Status, AddressesOf(ingress));
    }

    /// <summary>Brings the objects of the layer to what the Ingress wants.</summary>
    /// <param name="pass">The reconcile under way; children are written by its <c>EnsureAsync</c>.</param>
    /// <param name="ingress">The Ingress of the pass with defaults.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    protected abstract Task<LayerResult> ApplyAsync(
        ReconcilePass<Ingress, IngressStatus> pass,
        Ingress ingress,
        CancellationToken cancellation
    );

    /// <summary>The addresses at which the layer serves the Ingress.</summary>
    protected abstract LayerAddresses AddressesOf(Ingress ingress);

    /// <summary>Whether the layer has objects of this Ingress, by its caches.</summary>
    protected abstract bool HasObjectsOf(Ingress ingress);

    /// <summary>
    /// Deletes the objects of an Ingress that is being deleted or has moved to another class. In the first case those that it owns may be
    /// left to Kubernetes.
    /// </summary>
    protected abstract Task CleanUpAsync(Ingress ingress, IKubernetesClient client, CancellationToken cancellation);

    /// <inheritdoc/>
    protected sealed override bool IsOurs(Ingress value) => _layer.Serves(value);

    /// <inheritdoc/>
    protected override void Forget(ObjectKey key) => _prober.Forget(key);

    /// <inheritdoc/>
    protected override IngressStatus Blocked(IngressStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => IngressLifecycle.MarkResourceNotOwned(status, taken.Kind, taken.Key.Name, now, taken.Holder),
            ChildRefusedException refused => IngressLifecycle.MarkNetworkFailed(
                status,
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    /// <inheritdoc/>
    protected sealed override async Task ReconcileAsync(ReconcilePass<Ingress, IngressStatus> pass, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(pass);
        if (!pass.Object.Metadata.Finalizers.Contains(NetworkLayer.Finalizer))
        {
            pass.UseNewest(
                await Finalizers.AddAsync(Resources.Ingresses, pass.Object, NetworkLayer.Finalizer, pass.Client, Events, cancellation)
            );
        }

        var ingress = IngressRules.WithDefaults(pass.Object);
        LayerResult result;
        try
        {
            result = await ApplyAsync(pass, ingress, cancellation);
        }
        catch (Exception failure) when (IsFailure(failure, cancellation))
        {
            pass.Status = IngressLifecycle.MarkIngressNotReady(
                pass.Status,
                NotReconciled,
                $"Ingress reconciliation failed: {failure.Message}",
                pass.Now
            );
            throw;
        }

        pass.Status = IngressLifecycle.MarkNetworkConfigured(pass.Status, pass.Now);
        Conclude(pass, ingress, result);
    }

    /// <inheritdoc/>
    protected sealed override async Task DeletingAsync(Ingress value, IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Metadata.Finalizers.Contains(NetworkLayer.Finalizer) && (_layer.Serves(value) || HasObjectsOf(value)))
        {
            await ReleaseAsync(value, client, cancellation);
        }
    }

    /// <inheritdoc/>
    protected sealed override async Task NotOursAsync(Ingress value, IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!HasObjectsOf(value) || !IngressLifecycle.IsReady(value) || IsOwn(value.Status, AddressesOf(value)))
        {
            return;
        }

        await ReleaseAsync(value, client, cancellation);
    }

    private async Task ReleaseAsync(Ingress ingress, IKubernetesClient client, CancellationToken cancellation)
    {
        await CleanUpAsync(IngressRules.WithDefaults(ingress), client, cancellation);
        if (ingress.Metadata.Finalizers.Contains(NetworkLayer.Finalizer))
        {
            // A layer that needs it as well adds it again.
            await Finalizers.RemoveAsync(Resources.Ingresses, ingress, NetworkLayer.Finalizer, client, Events, cancellation);
        }
    }

    private void Conclude(ReconcilePass<Ingress, IngressStatus> pass, Ingress ingress, LayerResult result)
    {
        var addresses = AddressesOf(ingress);
        if (result.Failure is { } failure)
        {
            pass.Status = IngressLifecycle.MarkLoadBalancerFailed(pass.Status, failure.Reason, failure.Message, pass.Now);
        }
        else if (result.Waiting is { } reason)
        {
            pass.Status = IngressLifecycle.MarkLoadBalancerNotReady(pass.Status, pass.Now, reason);
            pass.LookAgain(WaitingInterval);
        }
        else if (
            (IngressLifecycle.IsReady(pass.Object) && IsOwn(pass.Object.Status, addresses))
            || _prober.IsReady(pass.Key, IngressHash.Compute(ingress), result.Targets)
        )
        {
            var annotations = new Dictionary<string, string>(pass.Status.Annotations)
            {
                [NetworkingKeys.IngressClass.Key] = _layer.IngressClass,
            };
            pass.Status = IngressLifecycle.MarkLoadBalancerReady(pass.Status, [addresses.Public], [addresses.Private], pass.Now) with
            {
                Annotations = annotations,
            };
        }
        else
        {
            pass.Status = IngressLifecycle.MarkLoadBalancerNotReady(pass.Status, pass.Now);
        }
    }

    /// <summary>
    /// Whether a status is one of this layer. Two layers may have the same addresses, as Istio and the Gateway API in front of the same
    /// pods, so each writes its class into the annotations of the status.
    /// </summary>
    private bool IsOwn(IngressStatus status, LayerAddresses addresses) =>
        addresses.AreIn(status) && (NetworkingKeys.IngressClass.Value(status.Annotations) ?? _layer.IngressClass) == _layer.IngressClass;

    private static bool IsFailure(Exception failure, CancellationToken cancellation) =>
        !cancellation.IsCancellationRequested && failure is not LeaseLostException && !StepFailures.IsStaleCache(failure);
}
