using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.GarbageCollection;

/// <summary>
/// Deletes objects of one kind whose owners no longer exist, and executes foreground and orphaning deletes, as Kubernetes'
/// garbage collector does. Invariant: a cache alone never causes a deletion; an owner that no cache shows is read from the API.
/// </summary>
internal sealed class GarbageReconciler(ResourceType<ObjectHeader> type, ILister<ObjectHeader> lister, GarbageCollector collector)
    : IReconciler
{
    public const string ForegroundFinalizer = "foregroundDeletion";
    public const string OrphanFinalizer = "orphan";
    private static readonly TimeSpan Unseen = TimeSpan.FromSeconds(2);

    public string Name => $"garbage.{type.Plural}";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (lister.Get(key.Namespace, key.Name) is not { } item)
        {
            return Reconcile.Done;
        }

        if (item.Metadata.DeletionTimestamp is not null)
        {
            return await FinishDeleteAsync(item, client, cancellation);
        }

        return item.Metadata.OwnerReferences.Count > 0 ? await CheckOwnersAsync(item, client, cancellation) : Reconcile.Done;
    }

    private static Patch WithoutOwners(ObjectHeader item, Func<OwnerReference, bool> gone) =>
        Documents.OwnersPatch(item, [.. item.Metadata.OwnerReferences.Where(owner => !gone(owner))]);

    private async Task<Reconcile> FinishDeleteAsync(ObjectHeader item, IKubernetesClient client, CancellationToken cancellation)
    {
        var dependents = collector.Dependents(item.Metadata.Uid);
        if (item.Metadata.Finalizers.Contains(OrphanFinalizer))
        {
            foreach (var (dependentType, dependent) in dependents)
            {
                await Documents.UnlessGoneAsync(
                    client.PatchAsync(
                        dependentType,
                        dependent.Metadata.Namespace,
                        dependent.Metadata.Name,
                        WithoutOwners(dependent, owner => owner.Uid == item.Metadata.Uid),
                        cancellation
                    )
                );
            }

            await RemoveFinalizerAsync(item, OrphanFinalizer, client, cancellation);
        }
        else if (item.Metadata.Finalizers.Contains(ForegroundFinalizer))
        {
            // The dependents are reconciled separately: one that has another owner is kept.
            var blocking = dependents.Any(entry =>
                entry.Item.Metadata.OwnerReferences.Any(owner => owner.Uid == item.Metadata.Uid && owner.BlockOwnerDeletion == true)
            );
            if (!blocking)
            {
                await RemoveFinalizerAsync(item, ForegroundFinalizer, client, cancellation);
            }
        }

        return Reconcile.Done;
    }

    private async Task<Reconcile> CheckOwnersAsync(ObjectHeader item, IKubernetesClient client, CancellationToken cancellation)
    {
        var leaving = new HashSet<string>();
        var waiting = false;
        var isUnseen = false;
        foreach (var owner in item.Metadata.OwnerReferences)
        {
            var found = await collector.FindOwnerAsync(owner, item.Metadata.Namespace, client, cancellation);
            if (found is null)
            {
                leaving.Add(owner.Uid);
            }
            else if (found.Metadata.DeletionTimestamp is not null && found.Metadata.Finalizers.Contains(ForegroundFinalizer))
            {
                leaving.Add(owner.Uid);
                waiting = true;
            }

            isUnseen |= found is not null && !collector.Shows(found);
        }

        if (leaving.Count == 0)
        {
            // Until a cache shows the owner, no event reports its deletion.
            return isUnseen ? Reconcile.After(Unseen) : Reconcile.Done;
        }

        if (leaving.Count < item.Metadata.OwnerReferences.Count)
        {
            await Documents.UnlessGoneAsync(
                client.PatchAsync(
                    type,
                    item.Metadata.Namespace,
                    item.Metadata.Name,
                    WithoutOwners(item, owner => leaving.Contains(owner.Uid)),
                    cancellation
                )
            );
            return Reconcile.Done;
        }

        var propagation = waiting && collector.Dependents(item.Metadata.Uid).Count > 0 ? "Foreground" : "Background";

        // Check the version too: the owner may have been removed meanwhile, as by an orphaning delete.
        var condition = new DeleteOptions(propagation, Uid: item.Metadata.Uid, ResourceVersion: item.Metadata.ResourceVersion);
        await ChildObjects.DeleteAsync(client, type, item.Metadata.Namespace, item.Metadata.Name, cancellation, condition);
        return Reconcile.Done;
    }

    private Task RemoveFinalizerAsync(ObjectHeader item, string finalizer, IKubernetesClient client, CancellationToken cancellation)
    {
        var left = new JsonArray([.. item.Metadata.Finalizers.Where(name => name != finalizer).Select(name => JsonValue.Create(name))]);
        return Documents.UnlessGoneAsync(
            client.PatchAsync(
                type,
                item.Metadata.Namespace,
                item.Metadata.Name,
                Documents.MetadataPatch(item, "finalizers", left),
                cancellation
            )
        );
    }
}
