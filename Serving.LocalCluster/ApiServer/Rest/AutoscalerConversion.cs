using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// Converts between the versions of HorizontalPodAutoscaler, which is stored as v2: v1 has only the CPU target, and carries the other
/// metrics and the behavior in annotations, so that a round trip loses nothing.
/// </summary>
internal static class AutoscalerConversion
{
    private const string MetricsAnnotation = "autoscaling.alpha.kubernetes.io/metrics";
    private const string BehaviorAnnotation = "autoscaling.alpha.kubernetes.io/behavior";

    /// <summary>Converts a v2 object to v1, in place.</summary>
    public static void ToV1(JsonObject document)
    {
        var spec = document.Child("spec");
        var others = new JsonArray();
        foreach (var metric in spec.Array("metrics") ?? [])
        {
            if (IsCpu(metric) && spec["targetCPUUtilizationPercentage"] is null)
                spec["targetCPUUtilizationPercentage"] = metric.At("resource", "target", "averageUtilization")!.DeepClone();
            else
                others.Add(metric?.DeepClone());
        }

        spec.Remove("metrics");
        if (others.Count > 0)
            document.Child("metadata").Child("annotations")[MetricsAnnotation] = Json.Text(others);
        if (spec["behavior"] is { } behavior)
            document.Child("metadata").Child("annotations")[BehaviorAnnotation] = Json.Text(behavior);
        spec.Remove("behavior");
        if (document["status"] is JsonObject status)
        {
            status.Remove("currentMetrics");
            status.Remove("conditions");
        }
    }

    /// <summary>Converts a v1 object to v2, in place.</summary>
    /// <exception cref="ApiException">400: an annotation with a part of the v2 object is not JSON.</exception>
    public static void ToV2(JsonObject document)
    {
        var spec = document.Child("spec");
        var metrics = new JsonArray();
        if (spec["targetCPUUtilizationPercentage"] is { } cpu)
        {
            metrics.Add(
                new JsonObject
                {
                    ["type"] = "Resource",
                    ["resource"] = new JsonObject
                    {
                        ["name"] = "cpu",
                        ["target"] = new JsonObject { ["type"] = "Utilization", ["averageUtilization"] = cpu.DeepClone() },
                    },
                }
            );
        }

        spec.Remove("targetCPUUtilizationPercentage");
        foreach (var metric in Carried(document, MetricsAnnotation) as JsonArray ?? [])
            metrics.Add(metric?.DeepClone());
        if (metrics.Count > 0)
            spec["metrics"] = metrics;
        if (Carried(document, BehaviorAnnotation) is JsonObject behavior)
            spec["behavior"] = behavior;
        (document["status"] as JsonObject)?.Remove("currentCPUUtilizationPercentage");
    }

    private static bool IsCpu(JsonNode? metric) =>
        metric.String("type") == "Resource"
        && metric.String("resource", "name") == "cpu"
        && metric.At("resource", "target", "averageUtilization") is not null;

    private static JsonNode? Carried(JsonObject document, string annotation)
    {
        if (document.Object("metadata", "annotations") is not { } annotations || annotations.String(annotation) is not { } text)
            return null;
        annotations.Remove(annotation);
        if (annotations.Count == 0)
            document.Child("metadata").Remove("annotations");
        try
        {
            return Json.Parse(System.Text.Encoding.UTF8.GetBytes(text));
        }
        catch (JsonException exception)
        {
            throw ApiException.BadRequest($"the annotation {annotation} is not JSON: {exception.Message}");
        }
    }
}
