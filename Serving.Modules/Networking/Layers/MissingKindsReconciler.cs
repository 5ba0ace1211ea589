using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Networking;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Layers;

/// <summary>Reports on the Ingresses of a layer that the cluster lacks kinds which the layer needs.</summary>
internal sealed class MissingKindsReconciler(
    NetworkLayer layer,
    IReadOnlyList<ResourceType> missing,
    ILister<Ingress> ingresses,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Ingress, IngressStatus>(Resources.Ingresses, ingresses, IngressLifecycle.Conditions, events, time)
{
    /// <summary>The reason of the condition and of the event.</summary>
    public const string Reason = "NetworkLayerNotInstalled";

    private readonly string _message =
        $"The cluster has no {string.Join(", ", missing.Select(static kind => $"{kind.Kind} ({kind.ApiVersion})"))}: "
        + $"install {layer.Product}, or choose another ingress class than {layer.IngressClass}";

    /// <inheritdoc/>
    public override string Name => $"{layer.Name}-missing";

    /// <inheritdoc/>
    protected override bool IsOurs(Ingress value) => layer.Serves(value);

    /// <inheritdoc/>
    protected override Task ReconcileAsync(ReconcilePass<Ingress, IngressStatus> pass, CancellationToken cancellation)
    {
        pass.Status = IngressLifecycle.MarkNetworkFailed(pass.Status, Reason, _message, pass.Now);
        var known = ConditionSet.Get(pass.Object.Status.Conditions, IngressLifecycle.NetworkConfigured);
        if (known?.Reason != Reason || known.Message != _message)
        {
            Events.Warning(pass.Object, Reason, _message);
        }

        return Task.CompletedTask;
    }
}
