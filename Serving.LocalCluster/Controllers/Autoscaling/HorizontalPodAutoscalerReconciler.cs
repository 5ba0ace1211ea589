using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Kubernetes.Selectors;

namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>
/// Scales Deployments for HorizontalPodAutoscalers as Kubernetes does: by the metric with the highest proposal, between minimum and
/// maximum; up at once, at most doubling the pods, and down after the stabilization window. Other policies of <c>behavior</c> are ignored,
/// and only the resources cpu and memory are supported.
/// </summary>
internal sealed class HorizontalPodAutoscalerReconciler(
    IInformers informers,
    Func<Pod, PodUsage?> usage,
    IEventRecorder events,
    TimeProvider time
) : IReconciler
{
    private const int LeastScaleUp = 4;
    private const int DownSeconds = 300;

    /// <summary>How often pods are measured, as in Kubernetes.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly ILister<HorizontalPodAutoscaler> _autoscalers = informers.For(Resources.HorizontalPodAutoscalers).Lister;
    private readonly ILister<Deployment> _deployments = informers.For(Resources.Deployments).Lister;
    private readonly ILister<Pod> _pods = informers.For(Resources.Pods).Lister;
    private readonly ConcurrentDictionary<ObjectKey, Memory> _memories = new();

    public string Name => "horizontalpodautoscaler";

    /// <summary>The HorizontalPodAutoscalers that scale a Deployment.</summary>
    public IEnumerable<ObjectKey> ScalersOf(Deployment deployment) =>
        _autoscalers.List(deployment.Metadata.Namespace).Where(hpa => Target(hpa) == deployment.Metadata.Name).Select(ObjectKey.Of);

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (_autoscalers.Get(key.Namespace, key.Name) is not { Spec: { } spec, Metadata.DeletionTimestamp: null } hpa)
        {
            _memories.TryRemove(key, out _);
            return Reconcile.Done;
        }

        var (now, wait) = (time.GetUtcNow(), Interval);
        var memory = _memories.GetOrAdd(key, _ => new Memory());
        var status = new HpaStatusMaker(hpa, now);
        if (Target(hpa) is not { } target || _deployments.Get(key.Namespace, target) is not { } deployment)
        {
            status.Set(
                "AbleToScale",
                false,
                "FailedGetScale",
                $"the HPA controller was unable to get the target's current scale: {spec.ScaleTargetRef?.Kind} \"{spec.ScaleTargetRef?.Name}\" not found"
            );
        }
        else if (now - memory.Decided < Interval)
        {
            // The object was written, not measured again. Do not decide twice on the same usage.
            status.Replicas(deployment.Spec?.Replicas ?? 1, deployment.Spec?.Replicas ?? 1);
            wait = Interval - (now - memory.Decided);
        }
        else
        {
            memory.Decided = now;
            var current = deployment.Spec?.Replicas ?? 1;
            var desired = Desired(memory, spec, deployment, current, status, out var reason);
            if (desired != current)
            {
                await client.PatchAsync(
                    Resources.Deployments,
                    key.Namespace,
                    target,
                    new Patch(PatchType.Merge, $$$"""{"spec":{"replicas":{{{desired}}}}}"""),
                    cancellation
                );
                status.Scaled();
                events.Normal(hpa, "SuccessfulRescale", $"New size: {desired}; reason: {reason}");
            }

            status.Set(
                "AbleToScale",
                true,
                desired != current ? "SucceededRescale" : "ReadyForNewScale",
                desired != current
                    ? $"the HPA controller was able to update the target scale to {desired}"
                    : "recommended size matches current size"
            );
            status.Replicas(current, desired);
        }

        if (status.Changes() is { } change)
        {
            await client.PatchAsync(
                Resources.HorizontalPodAutoscalers,
                key.Namespace,
                key.Name,
                new Patch(PatchType.Merge, change),
                cancellation,
                subresource: "status"
            );
        }

        return Reconcile.After(wait);
    }

    private int Desired(
        Memory memory,
        HorizontalPodAutoscalerSpec spec,
        Deployment deployment,
        int current,
        HpaStatusMaker status,
        out string reason
    )
    {
        reason = "";
        if (current == 0)
        {
            status.Set("ScalingActive", false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
            return 0;
        }

        var selector = LabelMatcher.Of(deployment.Spec?.Selector ?? new LabelSelector());
        var ready = _pods
            .List(deployment.Metadata.Namespace)
            .Where(pod => PodState.IsActive(pod) && PodState.IsReady(pod) && selector.Matches(pod.Metadata.Labels))
            .ToList();
        var proposals = spec.Metrics.Select(metric => ReplicaProposal.Of(metric, current, ready, usage)).ToList();
        status.Metrics(proposals.Select(proposal => proposal.Current).OfType<JsonObject>());
        var failed = proposals.Find(proposal => proposal.Replicas is null);
        var most = proposals.Where(proposal => proposal.Replicas is not null).MaxBy(proposal => proposal.Replicas);

        // With a missing metric a scale-down is not safe.
        var wanted = most is null || (failed is not null && most.Replicas < current) ? current : most.Replicas!.Value;
        if ((most is null || failed is not null) && wanted == current && failed is not null)
        {
            status.Set("ScalingActive", false, failed.Reason, $"the HPA was unable to compute the replica count: {failed.Message}");
        }
        else
        {
            status.Set(
                "ScalingActive",
                true,
                most!.Reason,
                $"the HPA was able to successfully calculate a replica count from {most.Message}"
            );
        }

        reason = wanted > current ? $"{most?.Message} above target" : "All metrics below target";
        return Limited(spec, current, Stabilized(memory.Recommended, spec, current, wanted), status, ref reason);
    }

    // Scale down to the highest and up to the lowest recommendation of the window.
    private int Stabilized(List<(DateTimeOffset At, int Replicas)> history, HorizontalPodAutoscalerSpec spec, int current, int wanted)
    {
        var now = time.GetUtcNow();
        var (up, down) = (Window(spec, "scaleUp") ?? TimeSpan.Zero, Window(spec, "scaleDown") ?? TimeSpan.FromSeconds(DownSeconds));
        if (history.Count == 0)
        {
            history.Add((now, current));
        }

        history.Add((now, wanted));
        history.RemoveAll(entry => now - entry.At > (up > down ? up : down));
        var least = history.Where(entry => now - entry.At <= up).Select(entry => entry.Replicas).Append(wanted).Min();
        var most = history.Where(entry => now - entry.At <= down).Select(entry => entry.Replicas).Append(wanted).Max();
        return Math.Min(Math.Max(current, up == TimeSpan.Zero ? wanted : least), down == TimeSpan.Zero ? wanted : most);
    }

    private static int Limited(HorizontalPodAutoscalerSpec spec, int current, int wanted, HpaStatusMaker status, ref string reason)
    {
        var (least, most) = (spec.MinReplicas ?? 1, Math.Min(spec.MaxReplicas, Math.Max(2 * current, LeastScaleUp)));
        var desired = Math.Max(Math.Min(wanted, most), least);
        var limit =
            wanted < least ? "TooFewReplicas"
            : wanted <= most ? "DesiredWithinRange"
            : most < spec.MaxReplicas ? "ScaleUpLimit"
            : "TooManyReplicas";
        status.Set(
            "ScalingLimited",
            limit != "DesiredWithinRange",
            limit,
            limit switch
            {
                "TooFewReplicas" => "the desired replica count is less than the minimum replica count",
                "TooManyReplicas" => "the desired replica count is more than the maximum replica count",
                "ScaleUpLimit" => "the desired replica count is increasing faster than the maximum scale rate",
                _ => "the desired count is within the acceptable range",
            }
        );
        reason =
            current < least ? "Current number of replicas below Spec.MinReplicas"
            : current > spec.MaxReplicas ? "Current number of replicas above Spec.MaxReplicas"
            : reason;
        return desired;
    }

    private static string? Target(HorizontalPodAutoscaler hpa) =>
        hpa.Spec?.ScaleTargetRef is { Kind: "Deployment", Name.Length: > 0 } target ? target.Name : null;

    private static TimeSpan? Window(HorizontalPodAutoscalerSpec spec, string direction) =>
        spec.Behavior is { ValueKind: JsonValueKind.Object } behavior
        && behavior.TryGetProperty(direction, out var rules)
        && rules.ValueKind == JsonValueKind.Object
        && rules.TryGetProperty("stabilizationWindowSeconds", out var seconds)
        && seconds.TryGetInt32(out var value)
            ? TimeSpan.FromSeconds(value)
            : null;

    // State of one HorizontalPodAutoscaler; a key is reconciled by one worker at a time.
    private sealed class Memory
    {
        public DateTimeOffset Decided { get; set; } = DateTimeOffset.MinValue;

        public List<(DateTimeOffset At, int Replicas)> Recommended { get; } = [];
    }
}
