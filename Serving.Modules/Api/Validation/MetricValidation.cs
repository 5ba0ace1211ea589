using Serving.Api.Autoscaling;

namespace Serving.Api.Validation;

/// <summary>Checks Metrics.</summary>
public static class MetricValidation
{
    /// <summary>What is wrong with a Metric; <paramref name="old"/> is what it replaces, null for a new one.</summary>
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
