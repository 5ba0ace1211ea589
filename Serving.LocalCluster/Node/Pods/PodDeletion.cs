using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>Removes the object of a deleted pod after its processes have ended.</summary>
internal static class PodDeletion
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    /// <summary>Deletes it without a grace period, retrying while the server is unreachable. A pod that is already deleted or recreated is
    /// a success.</summary>
    public static async Task FinishAsync(NodeContext node, Pod pod, CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                await node.Client.DeleteAsync(
                    Resources.Pods,
                    pod.Metadata.Namespace,
                    pod.Metadata.Name,
                    cancellation,
                    new DeleteOptions(GracePeriodSeconds: 0, Uid: pod.Metadata.Uid)
                );
                return;
            }
            catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
            {
                return;
            }
            catch (Exception e) when (e is KubernetesException or HttpRequestException or IOException)
            {
                node.Logger.LogDebug(e, "Cannot remove pod {Namespace}/{Pod} yet", pod.Metadata.Namespace, pod.Metadata.Name);
                await Task.Delay(Delays.After(failures), node.Time, cancellation);
            }
        }
    }
}
