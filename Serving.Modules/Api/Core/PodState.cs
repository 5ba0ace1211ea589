using Serving.Api.Conditions;

namespace Serving.Api.Core;

/// <summary>What the status of a pod says.</summary>
public static class PodState
{
    /// <summary>Neither finished nor being deleted.</summary>
    public static bool IsActive(Pod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return pod.Status?.Phase is not ("Succeeded" or "Failed") && pod.Metadata.DeletionTimestamp is null;
    }

    /// <summary>Whether the Ready condition is true, as it may still be of a pod that is being deleted.</summary>
    public static bool IsReady(Pod pod) => ReadyCondition(pod) is { Status: "True" };

    /// <summary>Ready and not being deleted: an endpoint of its Services.</summary>
    public static bool IsServing(Pod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return pod.Metadata.DeletionTimestamp is null && IsReady(pod);
    }

    /// <summary>Ready for at least <paramref name="minReadySeconds"/>.</summary>
    public static bool IsAvailable(Pod pod, int minReadySeconds, DateTimeOffset now) =>
        ReadyCondition(pod) is { Status: "True" } ready
        && (minReadySeconds == 0 || (ready.LastTransitionTime is { } since && since.AddSeconds(minReadySeconds) <= now));

    /// <summary>The Ready condition; null when the pod has none yet.</summary>
    public static Condition? ReadyCondition(Pod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return pod.Status is { } status ? ConditionSet.Get(status.Conditions, "Ready") : null;
    }
}
