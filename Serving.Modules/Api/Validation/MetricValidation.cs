using Serving.Api.Autoscaling;

namespace Serving.Api.Validation;

/// <summary>Checks Metrics.</summary>
public static class MetricValidation
{
    /// <summary>What is wrong with a Metric.</summary>
    public static FieldError Validate(Metric value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : MetadataValidation.Check(value.Metadata, allowAutoscaling: true, context).Via("metadata")
                + (ApiEquality.Same(value.Spec, new()) ? FieldError.Missing("spec") : FieldError.None);
    }
}
