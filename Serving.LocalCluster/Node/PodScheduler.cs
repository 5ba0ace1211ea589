using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Schedules pods to the only node. A pod does not fit when it requests more than the whole machine has or labels that the node lacks,
/// or when the node is full, cordoned or has a taint that the pod does not tolerate. Requests of other pods are not counted: on a
/// developer's machine a request is not a reservation.
/// </summary>
internal sealed class PodScheduler(NodeContext node)
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(3));

    /// <summary>Whether this scheduler handles the pod: not bound yet, no other scheduler, and not finished.</summary>
    public static bool IsFor(Pod pod) =>
        pod.Spec is { NodeName: "", SchedulerName: "" or "default-scheduler" }
        && pod.Metadata.DeletionTimestamp is null
        && pod.Status?.Phase is not ("Succeeded" or "Failed");

    /// <summary>Why the pod does not fit, in the scheduler's words, or null when it does.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="options">The settings of the node.</param>
    /// <param name="known">Its Node object; null before it is registered.</param>
    /// <param name="pods">The number of pods that it runs.</param>
    public static string? Unschedulable(Pod pod, LocalNodeOptions options, NodeObject? known, int pods)
    {
        const string noHelp = "Preemption is not helpful for scheduling";
        if (NodeTaints.Refusal(known, pod) is { } refusal)
        {
            return Say([refusal], noHelp);
        }

        var reasons = new List<string>();
        if (pods >= options.MaxPods)
        {
            reasons.Add("Too many pods");
        }

        var spec = pod.Spec!;
        var init = spec.InitContainers;
        foreach (var resource in (string[])["cpu", "memory", "ephemeral-storage"])
        {
            var running = spec.Containers.Sum(c => Request(c, resource));
            if (Math.Max(running, init.Count == 0 ? 0 : init.Max(c => Request(c, resource))) > options.CapacityOf(resource))
            {
                reasons.Add($"Insufficient {resource}");
            }
        }

        var labels = known?.Metadata.Labels ?? NodeStatus.Labels(options.NodeName);
        if (spec.NodeSelector.Any(s => labels.GetValueOrDefault(s.Key) != s.Value))
        {
            return Say(["node(s) didn't match Pod's node affinity/selector"], noHelp);
        }

        return reasons.Count == 0 ? null : Say(reasons, "No preemption victims found for incoming pod");
    }

    /// <summary>Binds the pod to the node. Returns false when it was deleted or is bound to another node.</summary>
    public async Task<bool> BindAsync(Pod pod, CancellationToken cancellation)
    {
        var body = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid },
            ["spec"] = new JsonObject { ["nodeName"] = node.Options.NodeName },
        };
        if (await PatchAsync(pod, body, null, cancellation) is not { } bound || bound.Spec?.NodeName != node.Options.NodeName)
        {
            return false;
        }

        node.Events.Normal(
            pod,
            "Scheduled",
            $"Successfully assigned {pod.Metadata.Namespace}/{pod.Metadata.Name} to {node.Options.NodeName}"
        );
        return true;
    }

    /// <summary>Writes the reason to the pod's condition.</summary>
    public async Task ReportAsync(Pod pod, string message, CancellationToken cancellation)
    {
        var current = pod.Status?.Conditions.FirstOrDefault(c => c.Type == "PodScheduled");
        if (current is { Status: "False" } && current.Message == message)
        {
            return;
        }

        var condition = new JsonObject
        {
            ["type"] = "PodScheduled",
            ["status"] = "False",
            ["reason"] = "Unschedulable",
            ["message"] = message,
            ["lastTransitionTime"] = node
                .Time.GetUtcNow()
                .ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture),
        };
        var status = new JsonObject { ["phase"] = "Pending", ["conditions"] = new JsonArray(condition) };
        node.Events.Warning(pod, "FailedScheduling", message);
        await PatchAsync(
            pod,
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid },
                ["status"] = status,
            },
            "status",
            cancellation
        );
    }

    private static string Say(IEnumerable<string> reasons, string preemption) =>
        $"0/1 nodes are available: {string.Join(", ", reasons.Select(r => "1 " + r))}. preemption: 0/1 nodes are available: 1 {preemption}.";

    // Null when the pod was deleted.
    private async Task<Pod?> PatchAsync(Pod pod, JsonObject body, string? subresource, CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await node.Client.PatchAsync(
                    Resources.Pods,
                    pod.Metadata.Namespace,
                    pod.Metadata.Name,
                    new Patch(PatchType.Merge, body.ToJsonString()),
                    cancellation,
                    subresource: subresource
                );
            }
            catch (KubernetesException e)
                when (e.IsNotFound || e.IsInvalid || (e.IsConflict && e.Message.Contains("uid", StringComparison.OrdinalIgnoreCase)))
            {
                node.Logger.LogDebug(e, "Pod {Namespace}/{Pod} is no longer for this node", pod.Metadata.Namespace, pod.Metadata.Name);
                return null;
            }
            catch (Exception e) when (e is KubernetesException or HttpRequestException or IOException)
            {
                node.Logger.LogWarning(e, "Cannot bind pod {Namespace}/{Pod} yet", pod.Metadata.Namespace, pod.Metadata.Name);
                await Task.Delay(Delays.After(failures), node.Time, cancellation);
            }
        }
    }

    private static decimal Request(Container container, string resource) =>
        container.Resources?.Requests?.TryGetValue(resource, out var request) == true ? ResourceAmount.Of(request)
        : container.Resources?.Limits?.TryGetValue(resource, out var limit) == true ? ResourceAmount.Of(limit)
        : 0;
}
