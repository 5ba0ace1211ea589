using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.LocalCluster.Node;

namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>The number of pods that one metric of a HorizontalPodAutoscaler requires.</summary>
/// <param name="Replicas">The number of pods; null when the metric is unavailable.</param>
/// <param name="Reason">The reason of the condition ScalingActive.</param>
/// <param name="Message">The message of the condition and of the event.</param>
/// <param name="Current">The current value, for the status; null when the metric is unavailable.</param>
internal sealed record ReplicaProposal(int? Replicas, string Reason, string Message, JsonObject? Current)
{
    /// <summary>Kubernetes' tolerance: usage within a tenth of the target does not scale.</summary>
    private const decimal Tolerance = 0.1m;

    /// <summary>Compares the usage of pods with the target of a metric.</summary>
    /// <param name="metric">The metric of the specification.</param>
    /// <param name="replicas">The current number of pods of the target.</param>
    /// <param name="ready">The ready pods.</param>
    /// <param name="usage">Returns the usage of a pod.</param>
    public static ReplicaProposal Of(JsonElement metric, int replicas, IReadOnlyList<Pod> ready, Func<Pod, PodUsage?> usage)
    {
        var type = Text(metric, "type");
        if (
            type != "Resource"
            || !metric.TryGetProperty("resource", out var resource)
            || !resource.TryGetProperty("target", out var target)
        )
        {
            return Failed($"the local cluster measures metrics of the type Resource only, and this is {type}; use cpu or memory");
        }

        var name = Text(resource, "name");
        if (name is not ("cpu" or "memory"))
        {
            return Failed($"the local cluster measures the resources cpu and memory only, and this is {name}");
        }

        var measured = ready
            .Select(pod => (Pod: pod, Usage: usage(pod)))
            .Where(pair => pair.Usage is not null)
            .Select(pair => (pair.Pod, Amount: name == "cpu" ? pair.Usage!.Value.Cores : pair.Usage!.Value.Bytes))
            .ToList();
        if (measured.Count == 0)
        {
            return Failed($"failed to get {name} utilization: did not receive metrics for targeted pods (pods might be unready)");
        }

        var average = measured.Average(pair => pair.Amount);
        var current = new JsonObject
        {
            ["averageValue"] = name == "cpu" ? $"{(long)(average * 1000)}m" : ((long)average).ToString(CultureInfo.InvariantCulture),
        };
        decimal ratio;
        if (Text(target, "type") == "Utilization")
        {
            decimal requested = 0;
            foreach (
                var (pod, container) in measured.SelectMany(pair => pair.Pod.Spec!.Containers.Select(container => (pair.Pod, container)))
            )
            {
                if (container.Resources?.Requests?.TryGetValue(name, out var request) != true)
                {
                    return Failed(
                        $"failed to get {name} utilization: missing request for {name} in container {container.Name} of Pod {pod.Metadata.Name}"
                    );
                }

                requested += ResourceAmount.Of(request);
            }

            var percent = requested > 0 ? 100 * average * measured.Count / requested : 0;
            current["averageUtilization"] = (int)percent;
            ratio = percent / target.GetProperty("averageUtilization").GetDecimal();
        }
        else if (target.TryGetProperty("averageValue", out var amount))
        {
            ratio = average / ResourceAmount.Of(new Quantity(amount.ToString()));
        }
        else
        {
            return Failed($"{name} has neither averageUtilization nor averageValue as its target");
        }

        // A pod without a measurement counts as on target.
        var wanted =
            Math.Abs(ratio - 1) <= Tolerance
                ? replicas
                : (int)Math.Ceiling(Math.Min(ratio * measured.Count, int.MaxValue / 2)) + ready.Count - measured.Count;
        var what = current.ContainsKey("averageUtilization") ? $"{name} resource utilization (percentage of request)" : $"{name} resource";
        return new(
            wanted,
            "ValidMetricFound",
            what,
            new JsonObject
            {
                ["type"] = "Resource",
                ["resource"] = new JsonObject { ["name"] = name, ["current"] = current },
            }
        );
    }

    private static ReplicaProposal Failed(string why) => new(null, "FailedGetResourceMetric", why, null);

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.ToString() : "";
}
