using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates a HorizontalPodAutoscaler (autoscaling/v2).</summary>
internal static class HorizontalPodAutoscalerValidation
{
    private const int LongestStabilization = 3600;

    public static void Check(JsonObject autoscaler, List<FieldError> errors)
    {
        var spec = autoscaler.Object("spec") ?? [];
        var least = spec.Integer("minReplicas") ?? 1;
        if (least < 1)
            errors.Add(FieldError.Invalid("spec.minReplicas", spec["minReplicas"], "must be greater than or equal to 1"));
        var most = spec.Integer("maxReplicas") ?? 0;
        if (most < 1)
            errors.Add(FieldError.Invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than 0"));
        else if (most < least)
            errors.Add(FieldError.Invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`"));
        foreach (var field in (string[])["kind", "name"])
        {
            if (string.IsNullOrEmpty(spec.String("scaleTargetRef", field)))
                errors.Add(FieldError.Required($"spec.scaleTargetRef.{field}"));
        }

        var metrics = spec.Array("metrics") ?? [];
        for (var i = 0; i < metrics.Count; i++)
            Metric(metrics[i] as JsonObject ?? [], $"spec.metrics[{i}]", errors);
        foreach (var direction in (string[])["scaleUp", "scaleDown"])
        {
            if (spec.Integer("behavior", direction, "stabilizationWindowSeconds") is < 0 or > LongestStabilization)
            {
                errors.Add(
                    FieldError.Invalid(
                        $"spec.behavior.{direction}.stabilizationWindowSeconds",
                        spec.At("behavior", direction, "stabilizationWindowSeconds"),
                        $"must be greater than or equal to zero and less than or equal to {LongestStabilization}"
                    )
                );
            }
        }
    }

    private static void Metric(JsonObject metric, string path, List<FieldError> errors)
    {
        var (source, name) = metric.String("type") switch
        {
            "Resource" => ("resource", metric.String("resource", "name")),
            "ContainerResource" => ("containerResource", metric.String("containerResource", "name")),
            "Pods" => ("pods", metric.String("pods", "metric", "name")),
            "Object" => ("object", metric.String("object", "metric", "name")),
            "External" => ("external", metric.String("external", "metric", "name")),
            _ => ("", null),
        };
        if (source.Length == 0)
        {
            errors.Add(
                FieldError.NotSupported($"{path}.type", metric["type"], ["ContainerResource", "External", "Object", "Pods", "Resource"])
            );
            return;
        }

        if (string.IsNullOrEmpty(name))
            errors.Add(FieldError.Required($"{path}.{source}.name", "must specify a metric name"));
        if (metric.Object(source, "target") is not { } target)
        {
            errors.Add(FieldError.Required($"{path}.{source}.target", "must specify a target"));
            return;
        }

        if (target.Integer("averageUtilization") is < 1)
            errors.Add(
                FieldError.Invalid($"{path}.{source}.target.averageUtilization", target["averageUtilization"], "must be greater than 0")
            );
        foreach (var field in (string[])["averageValue", "value"])
        {
            if (target[field] is { } amount && !(new Serving.Api.Core.Quantity(amount.ToString()).TryGetAmount(out var value) && value > 0))
                errors.Add(FieldError.Invalid($"{path}.{source}.target.{field}", amount, "must be positive"));
        }
    }
}
