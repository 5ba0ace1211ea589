using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers;

/// <summary>Predicates on pods for the controllers.</summary>
internal static class PodState
{
    /// <summary>Neither finished nor being deleted.</summary>
    public static bool IsActive(Pod pod) => pod.Status?.Phase is not ("Succeeded" or "Failed") && pod.Metadata.DeletionTimestamp is null;

    /// <summary>Whether the Ready condition is true.</summary>
    public static bool IsReady(Pod pod) => ReadyCondition(pod) is { Status: "True" };

    /// <summary>Ready for at least <paramref name="minReadySeconds"/>.</summary>
    public static bool IsAvailable(Pod pod, int minReadySeconds, DateTimeOffset now) =>
        ReadyCondition(pod) is { Status: "True" } ready
        && (minReadySeconds == 0 || (ready.LastTransitionTime is { } since && since.AddSeconds(minReadySeconds) <= now));

    /// <summary>The Ready condition; null when the pod has none yet.</summary>
    public static Condition? ReadyCondition(Pod pod) => pod.Status?.Conditions.FirstOrDefault(condition => condition.Type == "Ready");
}
