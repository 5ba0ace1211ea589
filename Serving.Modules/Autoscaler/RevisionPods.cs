using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler;

/// <summary>The cached pods of one revision.</summary>
internal static class RevisionPods
{
    /// <summary>The label that selects the pods of revisions.</summary>
    public const string Selector = ServingKeys.Revision;

    /// <summary>Counts a revision's pods by state; completed ones are excluded.</summary>
    public static PodCounts Count(ILister<Pod> pods, string ns, string revision)
    {
        int ready = 0,
            notReady = 0,
            pending = 0,
            terminating = 0;
        foreach (var pod in pods.ByLabel(ns, ServingKeys.Revision, revision))
        {
            switch (pod.Status?.Phase)
            {
                case "Pending":
                    pending++;
                    notReady++;
                    break;
                case "Running" when pod.Metadata.DeletionTimestamp is not null:
                    terminating++;
                    notReady++;
                    break;
                case "Running" when PodState.IsReady(pod):
                    ready++;
                    break;
                case "Running":
                    notReady++;
                    break;
            }
        }

        return new PodCounts(ready, notReady, pending, terminating);
    }

    /// <summary>A revision's pods, without terminating and completed ones.</summary>
    public static IEnumerable<Pod> Live(ILister<Pod> pods, string ns, string revision) =>
        pods.ByLabel(ns, ServingKeys.Revision, revision)
            .Where(static pod => pod.Metadata.DeletionTimestamp is null && pod.Status?.Phase is ("Running" or "Pending"));

    /// <summary>Whether a pod accepts requests.</summary>
    public static bool IsServing(Pod pod) => pod.Status?.Phase == "Running" && PodState.IsServing(pod);
}
