using Serving.Api;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Gateway.Readiness;

/// <summary>
/// Writes the status of the Ingresses of our class. An Ingress is Ready when every gateway routes its newest version; it stays so
/// until it changes.
/// </summary>
internal sealed class IngressStatusReconciler(
    GatewayOptions options,
    ClusterEnvironment environment,
    IInformer<Ingress> ingresses,
    Replicas replicas,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Ingress, IngressStatus>(Resources.Ingresses, ingresses.Lister, IngressLifecycle.Conditions, events, time)
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);

    private readonly ServedIngresses _served = new(options, environment);

    /// <inheritdoc/>
    public override string Name => "ingress";

    /// <summary>The Ingresses of our class that are not Ready.</summary>
    public IEnumerable<ObjectKey> NotReady() => ingresses.Lister.List().Where(IsOurs).Select(static ingress => ObjectKey.Of(ingress));

    /// <summary>Whether the Ingress is of our class and not Ready.</summary>
    public bool IsNotReady(ObjectKey key) => ingresses.Lister.Get(key.Namespace, key.Name) is { } ingress && IsOurs(ingress);

    /// <summary>An Ingress that is Ready is not checked again, whatever its gateways report.</summary>
    protected override bool IsOurs(Ingress value) =>
        _served.IsOfClass(value) && !(IngressLifecycle.IsReady(value) && _served.IsReadyHere(value.Status));

    /// <inheritdoc/>
    protected override async Task ReconcileAsync(ReconcilePass<Ingress, IngressStatus> pass, CancellationToken cancellation)
    {
        var verdict = await replicas.AskAsync(pass.Object, cancellation);
        pass.Status = verdict switch
        {
            { Conflict: { } host } => IngressLifecycle.MarkLoadBalancerFailed(
                pass.Status,
                "DomainConflict",
                $"Ingress rejected: the host {host} belongs to another Ingress",
                pass.Now
            ),
            { Ready: true } => IngressLifecycle.MarkLoadBalancerReady(
                IngressLifecycle.MarkNetworkConfigured(pass.Status, pass.Now),
                [_served.Public],
                [_served.Private],
                pass.Now
            ),
            _ => IngressLifecycle.MarkLoadBalancerNotReady(IngressLifecycle.MarkNetworkConfigured(pass.Status, pass.Now), pass.Now),
        };
        pass.LookAgain(verdict.Ready ? null : AskAgain);
    }
}
