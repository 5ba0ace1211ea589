using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Autoscaler.Collection;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Has what a Metric asks for collected, and tells whether that works.</summary>
internal sealed class MetricReconciler(IInformer<Metric> metrics, MetricCollector collector, TimeProvider time) : IReconciler
{
    public string Name => "metric";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (metrics.Lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } original)
        {
            collector.Remove(key);
            return Reconcile.Done;
        }

        var failure = collector.Ensure(original);
        var now = time.GetUtcNow();
        var status = MetricLifecycle.Initialize(original.Status, now) with { ObservedGeneration = original.Metadata.Generation };
        status = failure is null
            ? MetricLifecycle.MarkReady(status, now)
            : MetricLifecycle.MarkFailed(status, "CollectionFailed", "Failed to reconcile metric collection: " + failure, now);
        var changed = original with { Status = status };
        if (!Children.Same(Resources.Metrics, original, changed))
        {
            await client.UpdateStatusAsync(Resources.Metrics, changed, cancellation).ConfigureAwait(false);
        }

        return Reconcile.Done;
    }
}
