using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Starts the collection of a Metric, and reports whether it works.</summary>
internal sealed class MetricReconciler(IInformer<Metric> metrics, MetricCollector collector, IEventRecorder events, TimeProvider time)
    : StatusReconciler<Metric, KnativeStatus>(Resources.Metrics, metrics.Lister, MetricLifecycle.Conditions, events, time)
{
    public override string Name => "metric";

    protected override void Forget(ObjectKey key) => collector.Remove(key);

    protected override Task ReconcileAsync(ReconcilePass<Metric, KnativeStatus> pass, CancellationToken cancellation)
    {
        var failure = collector.Ensure(pass.Object);
        pass.Status = failure switch
        {
            null => MetricLifecycle.MarkReady(pass.Status, pass.Now),
            { Reason: CollectionFailure.NoEndpoints } => MetricLifecycle.MarkNotReady(
                pass.Status,
                failure.Reason,
                failure.Message,
                pass.Now
            ),
            { Reason: CollectionFailure.CollectionFailed } => MetricLifecycle.MarkFailed(
                pass.Status,
                failure.Reason,
                "Failed to reconcile metric collection: " + failure.Message,
                pass.Now
            ),
            _ => MetricLifecycle.MarkFailed(pass.Status, failure.Reason, failure.Message, pass.Now),
        };
        return Task.CompletedTask;
    }
}
