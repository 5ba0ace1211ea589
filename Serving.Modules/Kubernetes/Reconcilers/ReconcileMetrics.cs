using System.Diagnostics.Metrics;
using Serving.Instruments;
using Serving.Kubernetes.Queue;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>The duration of reconciles with their result, which the queue's metrics do not know. Costs nothing while nothing
/// listens.</summary>
internal static class ReconcileMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Reconcilers";

    /// <summary>Nothing is left to do, or a later reconcile was planned.</summary>
    public const string Success = "success";

    /// <summary>The cache was behind; retried at once.</summary>
    public const string Conflict = "conflict";

    /// <summary>Something is missing that others create, or the name of a child is taken.</summary>
    public const string Waiting = "waiting";

    /// <summary>The API server or an admission webhook did not respond.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>Anything else; it is logged.</summary>
    public const string Failure = "failure";

    private static readonly MetricAttribute Result = new("result", "`success`, `conflict`, `waiting`, `unreachable` or `failure`");

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter
        .CreateHistogram("serving.reconcile.duration", "s", "How long a reconcile took, by its result", null, SecondsBuckets.Short)
        .With(WorkQueueMetrics.QueueName, Result);

    public static void Reconciled(string reconciler, string result, TimeSpan took) =>
        Duration.Record(took.TotalSeconds, WorkQueueMetrics.QueueName.Of(reconciler), Result.Of(result));
}
