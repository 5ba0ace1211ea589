using System.Globalization;
using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers.ReplicaSets;

/// <summary>The order in which a ReplicaSet deletes pods, as in Kubernetes.</summary>
internal static class PodRanking
{
    private const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>Orders pods so that those to delete first come first.</summary>
    public static IEnumerable<Pod> ByWorth(IEnumerable<Pod> pods) =>
        pods.OrderBy(pod => pod.Spec?.NodeName is not { Length: > 0 } ? 0 : 1)
            .ThenBy(pod =>
                pod.Status?.Phase switch
                {
                    "Running" => 2,
                    "Unknown" => 1,
                    _ => 0,
                }
            )
            .ThenBy(pod => PodState.IsReady(pod) ? 1 : 0)
            .ThenBy(Cost)
            .ThenByDescending(ReadySince)
            .ThenByDescending(pod => pod.Status?.ContainerStatuses.Sum(container => container.RestartCount) ?? 0)
            .ThenByDescending(pod => pod.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue);

    /// <summary>Among ready pods the latest is deleted first; for the others the time of the condition does not matter.</summary>
    private static DateTimeOffset ReadySince(Pod pod) =>
        PodState.ReadyCondition(pod) is { Status: "True", LastTransitionTime: { } since } ? since : DateTimeOffset.MaxValue;

    private static int Cost(Pod pod) =>
        int.TryParse(
            pod.Metadata.Annotations.GetValueOrDefault(DeletionCost),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out var cost
        )
            ? cost
            : 0;
}
