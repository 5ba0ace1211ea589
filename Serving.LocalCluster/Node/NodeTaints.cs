using Serving.Api.Core;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>Checks whether a Node accepts a pod: whether it is cordoned, and which taints the pod does not tolerate. Pure.</summary>
internal static class NodeTaints
{
    /// <summary>Why the node rejects the pod, in the scheduler's words; null when it accepts it, or is not registered.</summary>
    public static string? Refusal(NodeObject? node, Pod pod)
    {
        if (node is null)
        {
            return null;
        }

        if (NodeTaint.IsCordoned(node) && !NodeTaint.Cordon.IsToleratedBy(pod.Spec!))
        {
            return "node(s) were unschedulable";
        }

        return NodeTaint.Of(node).FirstOrDefault(taint => !taint.IsToleratedBy(pod.Spec!)) is { } taint
            ? $"node(s) had untolerated taint {{{taint.Key}: {taint.Value}}}"
            : null;
    }
}
