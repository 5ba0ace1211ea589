using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers;

/// <summary>Questions that controllers ask of a pod.</summary>
internal static class PodState
{
    /// <summary>Neither finished nor on its way out.</summary>
    public static bool IsActive(Pod pod) => pod.Status?.Phase is not ("Succeeded" or "Failed") && pod.Metadata.DeletionTimestamp is null;

    /// <summary>Whether the Ready condition holds.</summary>
    public static bool IsReady(Pod pod) => ReadyCondition(pod) is { Status: "True" };

    /// <summary>Ready for <paramref name="minReadySeconds"/> and longer.</summary>
    public static bool IsAvailable(Pod pod, int minReadySeconds, DateTimeOffset now)
        => ReadyCondition(pod) is { Status: "True" } ready
            && (minReadySeconds == 0 || (ready.LastTransitionTime is { } since && since.AddSeconds(minReadySeconds) <= now));

    /// <summary>The Ready condition; null when the pod has none yet.</summary>
    public static Condition? ReadyCondition(Pod pod) => pod.Status?.Conditions.FirstOrDefault(condition => condition.Type == "Ready");
}
