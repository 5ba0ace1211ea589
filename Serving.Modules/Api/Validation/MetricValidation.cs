using Serving.Api.Autoscaling;

namespace Serving.Api.Validation;

/// <summary>Validates Metrics.</summary>
public static class MetricValidation
{
    /// <summary>Validates a Metric; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(Metric value, Metric? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : MetadataValidation.Check(value.Metadata, old?.Metadata, context).Via("metadata")
                + (ApiEquality.Same(value.Spec, new()) ? FieldError.Missing("spec") : FieldError.None);
    }
}
