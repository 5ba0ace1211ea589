using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Reserve;
using Serving.Kubernetes.Client;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>
/// Before a revision gets fewer pods, asks each pod for its requests in flight and sets the deletion costs by which Kubernetes removes the
/// least busy ones. Invariants: nothing is written at any other time; a decision writes at most <see cref="MostWrites"/> costs; no failure
/// keeps the scale from being written.
/// </summary>
/// <param name="loads">Asks the pods.</param>
/// <param name="isOn">Whether config-reserve wants it.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The logger.</param>
internal sealed partial class ScaleDownOrder(IPodLoads loads, Func<bool> isOn, TimeProvider time, ILogger logger)
{
    /// <summary>The most costs that one decision writes.</summary>
    public const int MostWrites = 20;

    /// <summary>How long nothing is tried after the right to patch pods was missing.</summary>
    internal static readonly TimeSpan ForbiddenLasts = TimeSpan.FromMinutes(10);

    private long _forbiddenUntil;

    /// <summary>Prepares the removal of pods.</summary>
    /// <param name="pass">The reconcile of the revision's autoscaler.</param>
    /// <param name="pods">Its pods, without terminating and completed ones.</param>
    /// <param name="plan">What parking changes, to recognize parked pods; null where none can be.</param>
    /// <param name="scale">The number of pods that remain; at least 1.</param>
    /// <param name="cancellation">The end of the term.</param>
    public async Task PrepareAsync(AutoscalerPass pass, IEnumerable<Pod> pods, ReservePlan? plan, int scale, CancellationToken cancellation)
    {
        if (!isOn() || time.GetUtcNow().Ticks < Volatile.Read(ref _forbiddenUntil))
            return;

        // Pods that are not ready go before all others.
        var ready = pods.Where(RevisionPods.IsServing).ToList();
        if (ready.Count - scale is not (> 0 and var removed) || removed == ready.Count)
            return;
        var inFlight = await loads.InFlightAsync(pass.Key, ready, pass.Status.MetricsServiceName, cancellation);
        if (Array.TrueForAll(inFlight, static count => count is null))
        {
            LogUnknown(pass.Key.ToString());
            return;
        }

        var costs = DeletionCosts.Plan(
            [.. ready.Zip(inFlight, (pod, count) => new PodLoad(pod, count, plan is not null && PodSize.IsReduced(pod, plan)))],
            removed,
            MostWrites
        );
        ScaleDownMetrics.Skipped(costs.Count - MostWrites);
        await Task.WhenAll(costs.Take(MostWrites).Select(cost => WriteAsync(pass, cost, cancellation)));
    }

    /// <summary>Writes a cost. The patch has the pod's resourceVersion, as every write of a leader: a pod that changed meanwhile keeps its
    /// cost.</summary>
    private async Task WriteAsync(AutoscalerPass pass, DeletionCost cost, CancellationToken cancellation)
    {
        var metadata = cost.Pod.Metadata;
        var body = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["resourceVersion"] = metadata.ResourceVersion,
                ["annotations"] = new JsonObject { [DeletionCosts.Annotation] = cost.Cost.ToString(CultureInfo.InvariantCulture) },
            },
        }.ToJsonString();
        try
        {
            await pass.Client.PatchAsync(Resources.Pods, metadata.Namespace, metadata.Name, new Patch(PatchType.Merge, body), cancellation);
            ScaleDownMetrics.Written(1);
        }
        catch (KubernetesException failure)
        {
            // Without the cost a busier pod may be removed, after its requests have ended.
            ScaleDownMetrics.Failed(1);
            if (failure.Code == HttpStatusCode.Forbidden)
            {
                Volatile.Write(ref _forbiddenUntil, (time.GetUtcNow() + ForbiddenLasts).Ticks);
                LogForbidden(failure.Message);
            }
            else
            {
                LogFailed($"{metadata.Namespace}/{metadata.Name}", failure.Message);
            }
        }
    }

    [LoggerMessage(20, LogLevel.Debug, "The pods of revision {Key} do not report their requests; Kubernetes chooses those to remove.")]
    private partial void LogUnknown(string key);

    [LoggerMessage(21, LogLevel.Debug, "The deletion cost of pod {Pod} was not set: {Reason}")]
    private partial void LogFailed(string pod, string reason);

    [LoggerMessage(
        22,
        LogLevel.Warning,
        "Busy pods are not spared when revisions scale down, tried again in 10 minutes: grant patch of pods, or set spare-busy-pods: \"false\" in config-reserve: {Reason}"
    )]
    private partial void LogForbidden(string reason);
}
