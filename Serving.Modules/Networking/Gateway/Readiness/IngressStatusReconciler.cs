using System.Text.Json;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Readiness;

/// <summary>
/// Writes the status of the Ingresses of our class. An Ingress is Ready when every gateway routes its newest version; it stays so
/// until it changes.
/// </summary>
internal sealed class IngressStatusReconciler(
    GatewayOptions options, ClusterEnvironment environment, IInformer<Ingress> ingresses, Replicas replicas, TimeProvider time) : IReconciler
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);

    private readonly IngressLoadBalancerAddress publicAddress = new() { DomainInternal = options.ExternalDomain(environment) };
    private readonly IngressLoadBalancerAddress privateAddress = new() { DomainInternal = options.InternalDomain(environment) };

    /// <inheritdoc/>
    public string Name => "ingress";

    /// <summary>The Ingresses of our class that are not Ready.</summary>
    public IEnumerable<ObjectKey> NotReady() => ingresses.Lister.List().Where(ingress => IsOurs(ingress) && !IsSettled(ingress)).Select(static ingress => ObjectKey.Of(ingress));

    /// <inheritdoc/>
    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (ingresses.Lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } ingress || !IsOurs(ingress) || IsSettled(ingress))
        {
            return Reconcile.Done;
        }

        var verdict = await replicas.AskAsync(ingress, cancellation).ConfigureAwait(false);
        var now = time.GetUtcNow();
        var status = IngressLifecycle.Initialize(ingress.Status, now);
        status = verdict switch
        {
            { Conflict: { } host } => IngressLifecycle.MarkLoadBalancerFailed(
                status, "DomainConflict", $"Ingress rejected: the host {host} belongs to another Ingress", now),
            { Ready: true } => IngressLifecycle.MarkLoadBalancerReady(IngressLifecycle.MarkNetworkConfigured(status, now), [publicAddress], [privateAddress], now),
            _ => IngressLifecycle.MarkLoadBalancerNotReady(IngressLifecycle.MarkNetworkConfigured(status, now), now),
        };
        status = status with { ObservedGeneration = ingress.Metadata.Generation };
        if (!Same(status, ingress.Status))
        {
            await client.UpdateStatusAsync(Resources.Ingresses, ingress with { Status = status }, cancellation).ConfigureAwait(false);
        }

        return verdict.Ready ? Reconcile.Done : Reconcile.After(AskAgain);
    }

    private static bool Same(IngressStatus one, IngressStatus other)
        => JsonElement.DeepEquals(
            JsonSerializer.SerializeToElement(new Ingress { Status = one }, Resources.Ingresses.Json),
            JsonSerializer.SerializeToElement(new Ingress { Status = other }, Resources.Ingresses.Json));

    private bool IsOurs(Ingress ingress) => NetworkingKeys.IngressClass.Value(ingress.Metadata.Annotations) == options.IngressClass;

    private bool IsSettled(Ingress ingress) => IngressLifecycle.IsReady(ingress)
        && ingress.Status is { PublicLoadBalancer.Ingress: [{ } outside], PrivateLoadBalancer.Ingress: [{ } inside] }
        && outside.DomainInternal == publicAddress.DomainInternal
        && inside.DomainInternal == privateAddress.DomainInternal;
}
