using System.Globalization;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Pods;

namespace Serving.LocalCluster.Controllers.ReplicaSets;

/// <summary>
/// The order in which a ReplicaSet deletes pods, as in Kubernetes: pods without a node, then by phase, readiness, deletion cost, pods
/// that share their node with more others, ready for a shorter time, restarted more often, younger. Times are compared by the logarithm
/// of the age, and pods of about the same age by their uid, which is random, so that not always the youngest pods are deleted.
/// </summary>
internal static class PodRanking
{
    private const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>Orders pods so that those to delete first come first.</summary>
    /// <param name="pods">The active pods of the ReplicaSet. Kubernetes counts the pods on a node over all ReplicaSets of a
    /// Deployment.</param>
    /// <param name="now">The time to which ages are computed.</param>
    public static IReadOnlyList<Pod> ByWorth(IReadOnlyCollection<Pod> pods, DateTimeOffset now)
    {
        var neighbours = pods.CountBy(pod => pod.Spec?.NodeName ?? "").ToDictionary(StringComparer.Ordinal);
        var sorted = new List<Pod>(pods.Count);

        // The order is not transitive where ages are about the same, which a library sort does not expect.
        foreach (var pod in pods)
        {
            var place = sorted.FindIndex(other => Compare(pod, other, neighbours, now) < 0);
            sorted.Insert(place < 0 ? sorted.Count : place, pod);
        }

        return sorted;
    }

    private static int Compare(Pod one, Pod other, Dictionary<string, int> neighbours, DateTimeOffset now)
    {
        var (node, otherNode) = (one.Spec?.NodeName ?? "", other.Spec?.NodeName ?? "");
        int[] criteria =
        [
            (node.Length > 0).CompareTo(otherNode.Length > 0),
            Phase(one).CompareTo(Phase(other)),
            PodState.IsReady(one).CompareTo(PodState.IsReady(other)),
            Cost(one).CompareTo(Cost(other)),
            neighbours[otherNode].CompareTo(neighbours[node]),
            PodState.IsReady(one) && PodState.IsReady(other) ? Age(ReadySince(one), ReadySince(other), one, other, now) : 0,
            Restarts(other, sidecars: false).CompareTo(Restarts(one, sidecars: false)),
            Restarts(other, sidecars: true).CompareTo(Restarts(one, sidecars: true)),
            Age(one.Metadata.CreationTimestamp, other.Metadata.CreationTimestamp, one, other, now),
        ];
        return Array.Find(criteria, criterion => criterion != 0);
    }

    private static int Phase(Pod pod) =>
        pod.Status?.Phase switch
        {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        };

    private static DateTimeOffset? ReadySince(Pod pod) => PodState.ReadyCondition(pod)?.LastTransitionTime;

    // The shorter time first, and an unknown one before that.
    private static int Age(DateTimeOffset? since, DateTimeOffset? otherSince, Pod one, Pod other, DateTimeOffset now)
    {
        if (since == otherSince)
        {
            return 0;
        }

        if (since is not { } known || otherSince is not { } otherKnown)
        {
            return since is null ? -1 : 1;
        }

        var order = Magnitude(now - known).CompareTo(Magnitude(now - otherKnown));
        return order != 0 ? order : string.CompareOrdinal(one.Metadata.Uid, other.Metadata.Uid);
    }

    // The power of two of an age; -1 for a time that has not come yet.
    private static int Magnitude(TimeSpan age) => age > TimeSpan.Zero ? (int)Math.Log2(age.TotalNanoseconds) : -1;

    private static int Restarts(Pod pod, bool sidecars) =>
        sidecars
            ? (pod.Spec?.InitContainers ?? [])
                .Where(PodStatusMaker.IsSidecar)
                .Select(c => pod.Status?.InitContainerStatuses.FirstOrDefault(s => s.Name == c.Name)?.RestartCount ?? 0)
                .DefaultIfEmpty()
                .Max()
            : (pod.Status?.ContainerStatuses ?? []).Select(container => container.RestartCount).DefaultIfEmpty().Max();

    // Kubernetes does not read a plus sign or leading zeros; what is no cost counts as 0.
    private static int Cost(Pod pod) =>
        pod.Metadata.Annotations.GetValueOrDefault(DeletionCost) is { } text
        && (text == "0" || text is ['-' or (>= '1' and <= '9'), ..])
        && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var cost)
            ? cost
            : 0;
}
