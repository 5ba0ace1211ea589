using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.Namespaces;

/// <summary>
/// Empties a namespace that is being deleted, then finalizes it. Invariant: the <c>kubernetes</c> finalizer is removed only when a
/// list of every namespaced kind came back empty.
/// </summary>
internal sealed class NamespaceTerminationReconciler(IInformers informers, IResourceDiscovery discovery) : IReconciler
{
    private const string Finalizer = "kubernetes";
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    private readonly ILister<Namespace> _namespaces = informers.For(Resources.Namespaces).Lister;

    public string Name => "namespace";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (
            _namespaces.Get("", key.Name) is not { Metadata.DeletionTimestamp: not null } ns
            || ns.Spec?.Finalizers.Contains(Finalizer) != true
        )
        {
            return Reconcile.Done;
        }

        var left = 0;
        foreach (var resource in await discovery.ListAsync(cancellation))
        {
            if (resource.Type.Namespaced && resource.Verbs.Contains("list") && resource.Verbs.Contains("delete"))
            {
                left += await EmptyAsync(ObjectHeader.Type(resource.Type), key.Name, client, cancellation);
            }
        }

        if (left > 0)
        {
            return Reconcile.After(Pace);
        }

        var emptied = ns with { Spec = ns.Spec with { Finalizers = [.. ns.Spec.Finalizers.Where(finalizer => finalizer != Finalizer)] } };
        await Documents.UnlessGoneAsync(client.UpdateSubresourceAsync(Resources.Namespaces, emptied, "finalize", cancellation));
        return Reconcile.Done;
    }

    /// <summary>Deletes every object of a kind in a namespace; returns how many there were.</summary>
    private static async Task<int> EmptyAsync(
        ResourceType<ObjectHeader> type,
        string ns,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        try
        {
            var found = await client.ListAsync(type, ns, null, cancellation);
            foreach (var item in found.Items.Where(item => item.Metadata.DeletionTimestamp is null))
            {
                await ChildObjects.DeleteAsync(
                    client,
                    type,
                    ns,
                    item.Metadata.Name,
                    cancellation,
                    new DeleteOptions(Propagation: "Background")
                );
            }

            return found.Items.Count;
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            // The kind itself was removed, and its objects with it.
            return 0;
        }
    }
}
