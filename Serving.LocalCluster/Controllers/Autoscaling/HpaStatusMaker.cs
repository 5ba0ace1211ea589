using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>Builds the status of a HorizontalPodAutoscaler from one reconciliation. A condition whose status does not change keeps its
/// transition time.</summary>
internal sealed class HpaStatusMaker
{
    private readonly JsonObject _before;
    private readonly JsonObject _after;
    private readonly string _now;

    public HpaStatusMaker(HorizontalPodAutoscaler hpa, DateTimeOffset time)
    {
        _before = hpa.Status is null
            ? []
            : (JsonObject)JsonSerializer.SerializeToNode(hpa.Status, ApiJson.Default.Of<HorizontalPodAutoscalerStatus>())!;
        _after = (JsonObject)_before.DeepClone();
        _after["observedGeneration"] = hpa.Metadata.Generation;
        _now = time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Sets the current and the desired number of pods.</summary>
    public void Replicas(int current, int desired) => (_after["currentReplicas"], _after["desiredReplicas"]) = (current, desired);

    /// <summary>Records that the scale was changed now.</summary>
    public void Scaled() => _after["lastScaleTime"] = _now;

    /// <summary>Sets the current metrics.</summary>
    public void Metrics(IEnumerable<JsonObject> metrics) => _after["currentMetrics"] = new JsonArray([.. metrics]);

    /// <summary>Sets a condition.</summary>
    public void Set(string type, bool holds, string reason, string message)
    {
        var conditions = _after["conditions"] as JsonArray ?? [];
        var status = holds ? "True" : "False";
        var old = conditions.FirstOrDefault(condition => (string?)condition?["type"] == type);
        var made = new JsonObject
        {
            ["type"] = type,
            ["status"] = status,
            ["lastTransitionTime"] = (string?)old?["status"] == status ? (string?)old!["lastTransitionTime"] ?? _now : _now,
            ["reason"] = reason,
            ["message"] = message,
        };
        if (old is null)
        {
            conditions.Add(made);
        }
        else
        {
            conditions[conditions.IndexOf(old)] = made;
        }

        _after["conditions"] = conditions.Parent is null ? conditions : conditions.DeepClone();
    }

    /// <summary>The patch of the status; null without changes.</summary>
    public string? Changes() =>
        JsonNode.DeepEquals(_before, _after) ? null : new JsonObject { ["status"] = _after.DeepClone() }.ToJsonString();
}
