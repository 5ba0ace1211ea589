using System.Globalization;
using Serving.Api.Core;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>
/// Plans the deletion costs that make a ReplicaSet remove the least busy of its ready pods. Kubernetes deletes pods that are not ready
/// first, then those with the lowest cost; a pod without the annotation has the cost 0. Pure. Only costs that change the order are in a
/// plan, and of several plans the one with the fewest writes is chosen: one busy pod among idle ones is one write.
/// </summary>
internal static class DeletionCosts
{
    /// <summary>The annotation that Kubernetes reads.</summary>
    public const string Annotation = "controller.kubernetes.io/pod-deletion-cost";

    private const int MostDistinct = 16;

    /// <summary>The cost of a pod, as Kubernetes reads it: without a plus sign or leading zeros; anything else counts as 0.</summary>
    public static int Of(Pod pod) =>
        pod.Metadata.Annotations.GetValueOrDefault(Annotation) is { } text
        && (text == "0" || text is ['-' or (>= '1' and <= '9'), ..])
        && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var cost)
            ? cost
            : 0;

    /// <summary>The costs to write before <paramref name="removed"/> of the pods are removed. A plan of more than
    /// <paramref name="most"/> writes starts with those that spare the busiest pods, so that it can be cut short.</summary>
    /// <param name="pods">The ready pods.</param>
    /// <param name="removed">How many of them are about to be removed.</param>
    /// <param name="most">The most writes that will be carried out.</param>
    public static IReadOnlyList<DeletionCost> Plan(IReadOnlyCollection<PodLoad> pods, int removed, int most)
    {
        if (removed <= 0 || removed >= pods.Count)
            return [];
        var sorted = pods.OrderBy(static pod => pod.Rank).ToList();
        var last = sorted[removed - 1].Rank;
        var isSplit = sorted[removed].Rank == last;
        var goes = sorted.Where(pod => pod.Rank.CompareTo(last) is var order && (order < 0 || (order == 0 && !isSplit))).ToList();
        var either = isSplit ? sorted.Where(pod => pod.Rank == last).ToList() : [];
        var stays = sorted.Where(pod => pod.Rank.CompareTo(last) > 0).ToList();
        if (goes.Count == 0 && stays.Count == 0)
            return [];

        // Costs of pods that go are below the first bound, of those that stay at least the second, and of the others in between.
        IReadOnlyList<DeletionCost>? best = null;
        var nearest = long.MaxValue;
        var bounds = BoundsOf(pods);
        foreach (var first in goes.Count == 0 ? [long.MinValue] : bounds)
        {
            foreach (
                var second in stays.Count == 0 ? [long.MaxValue]
                : either.Count == 0 ? [first]
                : bounds.Where(bound => bound > first)
            )
            {
                var writes = WritesOf(goes, either, stays, first, second);
                var distance = (goes.Count == 0 ? 0 : Math.Abs(first)) + (stays.Count == 0 ? 0 : Math.Abs(second));
                if (best is null || writes.Count < best.Count || (writes.Count == best.Count && distance < nearest))
                    (best, nearest) = (writes, distance);
            }
        }

        return best is null ? []
            : best.Count <= most || stays.Count == 0 ? best
            : WritesOf(goes, either, stays, either.Count == 0 ? bounds[^1] : bounds[0], bounds[^1]);
    }

    private static List<DeletionCost> WritesOf(List<PodLoad> goes, List<PodLoad> either, List<PodLoad> stays, long first, long second) =>
        [
            .. stays.Where(pod => Of(pod.Pod) < second).Reverse().Select(pod => new DeletionCost(pod.Pod, (int)second)),
            .. goes.Where(pod => Of(pod.Pod) >= first).Select(pod => new DeletionCost(pod.Pod, (int)(first - 1))),
            .. either
                .Where(pod => Of(pod.Pod) < first || Of(pod.Pod) >= second)
                .Select(pod => new DeletionCost(pod.Pod, (int)(Of(pod.Pod) < first ? first : second - 1))),
        ];

    /// <summary>The bounds that matter: beside each cost that exists. Where somebody gave the pods very many different costs, those around
    /// all of them.</summary>
    private static List<long> BoundsOf(IReadOnlyCollection<PodLoad> pods)
    {
        var costs = pods.Select(static pod => (long)Of(pod.Pod)).Append(0).ToHashSet();
        if (costs.Count > MostDistinct)
            costs = [0, costs.Min(), costs.Max()];
        return
        [
            .. costs
                .SelectMany(static cost => new[] { cost, cost + 1 })
                .Where(static bound => bound is > int.MinValue and <= int.MaxValue)
                .Distinct()
                .Order(),
        ];
    }
}
