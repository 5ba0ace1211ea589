using Serving.Api.Autoscaling;
using Serving.Api.Validation;
using Serving.Api.WellKnown;

namespace Serving.Api.Defaults;

/// <summary>Defaults of PodAutoscalers: a class, and a metric that the class supports.</summary>
public static class PodAutoscalerDefaults
{
    /// <summary>Applies the defaults of a PodAutoscaler.</summary>
    public static PodAutoscaler Apply(PodAutoscaler value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var annotations = new Dictionary<string, string>(value.Metadata.Annotations);
        annotations.TryAdd(AutoscalingKeys.Class.Key, context.Config.Autoscaler.PodAutoscalerClass);
        annotations.TryAdd(
            AutoscalingKeys.Metric.Key,
            annotations[AutoscalingKeys.Class.Key] switch
            {
                AutoscalingKeys.KpaClass => AutoscalingKeys.ConcurrencyMetric,
                AutoscalingKeys.HpaClass => AutoscalingKeys.CpuMetric,
                _ => "",
            }
        );
        return annotations.Count == value.Metadata.Annotations.Count
            ? value
            : value with
            {
                Metadata = value.Metadata with { Annotations = annotations },
            };
    }
}
