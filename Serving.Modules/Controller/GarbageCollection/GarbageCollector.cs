using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.GarbageCollection;

/// <summary>Deletes the Revisions of a Configuration that config-gc does not retain.</summary>
internal sealed class GarbageCollector(
    ILister<Configuration> configurations,
    ILister<Revision> revisions,
    Func<ConfigSnapshot> config,
    IEventRecorder events,
    TimeProvider time
) : IReconciler
{
    public string Name => "gc";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (configurations.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } configuration)
        {
            return Reconcile.Done;
        }

        var gc = config().Gc;
        var now = time.GetUtcNow();
        var own = revisions.ByLabel(key.Namespace, ServingKeys.Configuration, key.Name);
        var steps = new StepFailures();
        foreach (var revision in StaleRevisions.Choose(configuration, own, gc, now))
        {
            // A Revision that cannot be deleted does not keep the others from being deleted.
            await steps.TryAsync(() => DeleteAsync(configuration, revision, client, cancellation), cancellation);
        }

        steps.Throw();
        return StaleRevisions.NextChange(configuration, own, gc, now) is { } next ? Reconcile.After(next) : Reconcile.Done;
    }

    private async Task DeleteAsync(Configuration configuration, Revision revision, IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            // Delete this resourceVersion only: a Revision that has come into use in the meantime has another one.
            await ChildObjects.DeleteAsync(
                client,
                Serving.Api.Resources.Revisions,
                configuration.Metadata.Namespace,
                revision.Metadata.Name,
                cancellation,
                new DeleteOptions(Uid: revision.Metadata.Uid, ResourceVersion: revision.Metadata.ResourceVersion)
            );
        }
        catch (KubernetesException error) when (!error.IsConflict)
        {
            events.Warning(
                configuration,
                "InternalError",
                $"failed to delete stale revision \"{revision.Metadata.Name}\": {error.Message}"
            );
            throw;
        }
    }
}
