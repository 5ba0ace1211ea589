using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Autoscaler.Reserve;

/// <summary>Sends resizes. Outcomes are values: a refusal is expected where a quota, a limit range or an old node forbids it; only
/// failures of the server are thrown.</summary>
internal static class PodResizer
{
    private const int Attempts = 4;

    /// <summary>Parks a pod, or gives it its full size. After a conflict the newest version is read and patched again: the node writes the
    /// pod's status at any time.</summary>
    public static async Task<ResizeOutcome> ResizeAsync(
        IKubernetesClient client,
        Pod pod,
        ReservePlan plan,
        bool park,
        CancellationToken cancellation
    )
    {
        var current = pod;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new ResizeOutcome(
                    await client.PatchAsync(
                        Resources.Pods,
                        current.Metadata.Namespace,
                        current.Metadata.Name,
                        PodSize.PatchOf(current, plan, park),
                        cancellation,
                        subresource: "resize"
                    ),
                    null
                );
            }
            catch (KubernetesException refused) when (refused.IsNotFound)
            {
                return ResizeOutcome.Gone;
            }
            catch (KubernetesException conflict) when (conflict.IsConflict && attempt < Attempts)
            {
                // The newest version is read below.
            }
            catch (KubernetesException refused) when (refused.IsRefusal)
            {
                return new ResizeOutcome(null, refused.Status.Message);
            }

            try
            {
                current = await client.GetAsync(Resources.Pods, pod.Metadata.Namespace, pod.Metadata.Name, cancellation);
            }
            catch (KubernetesException gone) when (gone.IsNotFound)
            {
                return ResizeOutcome.Gone;
            }

            if (current.Metadata.Uid != pod.Metadata.Uid || current.Metadata.DeletionTimestamp is not null)
                return ResizeOutcome.Gone;
            if (park ? PodSize.IsParked(current, plan) : !PodSize.IsReduced(current, plan))
                return new ResizeOutcome(current, null, WasDone: true);
        }
    }
}
