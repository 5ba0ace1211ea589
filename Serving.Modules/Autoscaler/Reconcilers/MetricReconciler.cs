using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Autoscaler.Collection;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Has what a Metric asks for collected, and tells whether that works.</summary>
internal sealed class MetricReconciler(IInformer<Metric> metrics, MetricCollector collector, IEventRecorder events, TimeProvider time) : IReconciler
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
        status = failure switch
        {
            null => MetricLifecycle.MarkReady(status, now),
            { Reason: CollectionFailure.NoEndpoints } => MetricLifecycle.MarkNotReady(status, failure.Reason, failure.Message, now),
            { Reason: CollectionFailure.CollectionFailed } => MetricLifecycle.MarkFailed(
                status, failure.Reason, "Failed to reconcile metric collection: " + failure.Message, now),
            _ => MetricLifecycle.MarkFailed(status, failure.Reason, failure.Message, now),
        };
        var changed = original with { Status = status };
        if (Children.Same(Resources.Metrics, original, changed)) return Reconcile.Done;
        try
        {
            await client.UpdateStatusAsync(Resources.Metrics, changed, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException refused) when (!PodAutoscalerPass.IsStaleCache(refused))
        {
            events.Warning(original, "UpdateFailed", $"Failed to update status for \"{key.Name}\": {refused.Message}");
            throw;
        }

        return Reconcile.Done;
    }
}
