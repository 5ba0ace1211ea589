using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Layers;

/// <summary>
/// Reports on the Ingresses of a layer why it cannot work: a condition and an event of each. One that is Ready stays so, since the data
/// plane may route it all the same; one that is being deleted is released, since nothing else would.
/// </summary>
internal sealed class UnavailableReconciler(
    NetworkLayer layer,
    string problem,
    ILister<Ingress> ingresses,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Ingress, IngressStatus>(Resources.Ingresses, ingresses, IngressLifecycle.Conditions, events, time)
{
    /// <summary>The reason of the condition and of the event.</summary>
    public const string Reason = "NetworkLayerUnavailable";

    /// <inheritdoc/>
    public override string Name => $"{layer.Name}-unavailable";

    /// <inheritdoc/>
    protected override bool IsOurs(Ingress value) => layer.Serves(value) && !IngressLifecycle.IsReady(value);

    /// <inheritdoc/>
    protected override Task DeletingAsync(Ingress value, IKubernetesClient client, CancellationToken cancellation) =>
        layer.Serves(value) && value.Metadata.Finalizers.Contains(NetworkLayer.Finalizer)
            ? Finalizers.RemoveAsync(Resources.Ingresses, value, NetworkLayer.Finalizer, client, Events, cancellation)
            : Task.CompletedTask;

    /// <inheritdoc/>
    protected override Task ReconcileAsync(ReconcilePass<Ingress, IngressStatus> pass, CancellationToken cancellation)
    {
        pass.Status = IngressLifecycle.MarkNetworkFailed(pass.Status, Reason, problem, pass.Now);
        var known = ConditionSet.Get(pass.Object.Status.Conditions, IngressLifecycle.NetworkConfigured);
        if (known?.Reason != Reason || known.Message != problem)
        {
            Events.Warning(pass.Object, Reason, problem);
        }

        return Task.CompletedTask;
    }
}
