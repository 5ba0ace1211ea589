using Serving.Api.Autoscaling;

namespace Serving.Api.Validation;

/// <summary>Validates PodAutoscalers.</summary>
public static class PodAutoscalerValidation
{
    /// <summary>Validates a PodAutoscaler; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(PodAutoscaler value, PodAutoscaler? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : MetadataValidation.Check(value.Metadata, old?.Metadata, context).Via("metadata") + Spec(value.Spec, context).Via("spec");
    }

    private static FieldError Spec(PodAutoscalerSpec spec, AdmissionContext context) =>
        ApiEquality.Same(spec, new())
            ? FieldError.Missing("")
            : ReferenceValidation.Check(spec.ScaleTargetRef).Via("scaleTargetRef")
                + RevisionValidation.Concurrency(spec.ContainerConcurrency, context).Via("containerConcurrency")
                + ReferenceValidation.Protocol(spec.ProtocolType).Via("protocolType");
}
