using System.Text.Json.Nodes;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Autoscaler.Reserve;

/// <summary>Compares the requests of a pod with a plan, and makes the patches that change them. Pure: whether a pod is parked follows
/// from the pod alone, so that a new leader knows it too.</summary>
internal static class PodSize
{
    private const string Pending = "PodResizePending";
    private const string InProgress = "PodResizeInProgress";
    private const string InfeasibleReason = "Infeasible";
    private const string ErrorReason = "Error";

    /// <summary>Whether the pod requests less than its template in something that parking lowers.</summary>
    public static bool IsReduced(Pod pod, ReservePlan plan) =>
        plan.Changes.Any(change => Amount(Requested(pod, change)) is { } now && Amount(change.Full) is { } full && now < full);

    /// <summary>Whether the pod requests what the plan leaves it.</summary>
    public static bool IsParked(Pod pod, ReservePlan plan) =>
        plan.Changes.Count > 0 && plan.Changes.All(change => Requested(pod, change) is { } now && now.IsSameAmountAs(change.Parked));

    /// <summary>How far the node has applied what the pod requests.</summary>
    public static ResizeProgress ProgressOf(Pod pod, ReservePlan plan)
    {
        if (Find(pod, Pending) is { } pending)
            return new ResizeProgress(pending.Reason == InfeasibleReason ? ResizeState.Infeasible : ResizeState.Deferred, pending.Message);
        if (Find(pod, InProgress) is { } running)
            return new ResizeProgress(running.Reason == ErrorReason ? ResizeState.Stuck : ResizeState.InProgress, running.Message);
        return new ResizeProgress(
            plan.Changes.All(change =>
                Requested(pod, change) is { } asked && Granted(pod, change) is { } granted && granted.IsSameAmountAs(asked)
            )
                ? ResizeState.Granted
                : ResizeState.InProgress,
            ""
        );
    }

    /// <summary>
    /// The patch that parks a pod or gives it its full size. It has the pod's resourceVersion, so that a deposed leader cannot park a pod
    /// that a newer one has woken.
    /// </summary>
    public static Patch PatchOf(Pod pod, ReservePlan plan, bool park)
    {
        var containers = new JsonArray();
        foreach (var changes in plan.Changes.GroupBy(static change => change.Container, StringComparer.Ordinal))
        {
            var (requests, limits) = (new JsonObject(), new JsonObject());
            foreach (var change in changes)
            {
                var amount = (park ? change.Parked : change.Full).Text;
                requests[change.Resource] = amount;
                if (change.WithLimit)
                    limits[change.Resource] = amount;
            }

            var resources = new JsonObject { ["requests"] = requests };
            if (limits.Count > 0)
                resources["limits"] = limits;
            containers.Add((JsonNode)new JsonObject { ["name"] = changes.Key, ["resources"] = resources });
        }

        return new Patch(
            PatchType.StrategicMerge,
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = pod.Metadata.ResourceVersion },
                ["spec"] = new JsonObject { ["containers"] = containers },
            }.ToJsonString()
        );
    }

    private static Condition? Find(Pod pod, string type) =>
        pod.Status?.Conditions.FirstOrDefault(condition => condition.Type == type && condition.Status == "True");

    private static Quantity? Requested(Pod pod, ReserveChange change) =>
        Find(pod.Spec?.Containers.FirstOrDefault(container => container.Name == change.Container)?.Resources, change);

    private static Quantity? Granted(Pod pod, ReserveChange change) =>
        Find(pod.Status?.ContainerStatuses.FirstOrDefault(container => container.Name == change.Container)?.Resources, change);

    private static Quantity? Find(ResourceRequirements? resources, ReserveChange change) =>
        resources?.Requests is { } requests && requests.TryGetValue(change.Resource, out var amount) ? amount : (Quantity?)null;

    private static decimal? Amount(Quantity? quantity) => quantity is { } set && set.TryGetAmount(out var amount) ? amount : null;
}
