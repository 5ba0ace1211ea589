using Serving.Api.Autoscaling;
using Serving.Api.Validation;
using Serving.Api.WellKnown;

namespace Serving.Api.Defaults;

/// <summary>What a PodAutoscaler gets when it is written: a class, and a metric that suits the class.</summary>
public static class PodAutoscalerDefaults
{
    /// <summary>The defaults of a PodAutoscaler.</summary>
    public static PodAutoscaler Apply(PodAutoscaler value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var annotations = new Dictionary<string, string>(value.Metadata.Annotations);
        annotations.TryAdd(AutoscalingKeys.Class.Key, context.Config.Autoscaler.PodAutoscalerClass);
        annotations.TryAdd(AutoscalingKeys.Metric.Key, annotations[AutoscalingKeys.Class.Key] switch
        {
            AutoscalingKeys.KpaClass => AutoscalingKeys.ConcurrencyMetric,
            AutoscalingKeys.HpaClass => AutoscalingKeys.CpuMetric,
            _ => "",
        });
        return annotations.Count == value.Metadata.Annotations.Count
            ? value
            : value with { Metadata = value.Metadata with { Annotations = annotations } };
    }
}
