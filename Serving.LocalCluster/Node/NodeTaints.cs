using System.Text.Json;
using Serving.Api.Core;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>Checks whether a Node accepts a pod: whether it is cordoned, and which taints the pod does not tolerate. Pure.</summary>
internal static class NodeTaints
{
    private const string CordonTaint = "node.kubernetes.io/unschedulable";

    /// <summary>Why the node rejects the pod, in the scheduler's words; null when it accepts it.</summary>
    public static string? Refusal(NodeObject? node, Pod pod)
    {
        if (node?.ExtensionData is not { } fields || !fields.TryGetValue("spec", out var spec) || spec.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (
            spec.TryGetProperty("unschedulable", out var cordoned)
            && cordoned.ValueKind == JsonValueKind.True
            && !Tolerates(pod, CordonTaint, "", "NoSchedule")
        )
        {
            return "node(s) were unschedulable";
        }

        if (!spec.TryGetProperty("taints", out var taints) || taints.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        foreach (var taint in taints.EnumerateArray())
        {
            var (key, value, effect) = (Text(taint, "key"), Text(taint, "value"), Text(taint, "effect"));
            if (effect is "NoSchedule" or "NoExecute" && !Tolerates(pod, key, value, effect))
            {
                return $"node(s) had untolerated taint {{{key}: {value}}}";
            }
        }

        return null;
    }

    private static bool Tolerates(Pod pod, string key, string value, string effect) =>
        pod.Spec!.Tolerations.Any(toleration =>
            (Text(toleration, "effect") is "" || Text(toleration, "effect") == effect)
            && (
                Text(toleration, "operator") == "Exists"
                    ? Text(toleration, "key") is "" || Text(toleration, "key") == key
                    : Text(toleration, "key") == key && Text(toleration, "value") == value
            )
        );

    private static string Text(JsonElement map, string name) =>
        map.ValueKind == JsonValueKind.Object && map.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
