using Serving.Api.Autoscaling;

namespace Serving.Api.Validation;

/// <summary>Checks PodAutoscalers.</summary>
public static class PodAutoscalerValidation
{
    /// <summary>What is wrong with a PodAutoscaler; <paramref name="old"/> is what it replaces, null for a new one.</summary>
    public static FieldError Validate(PodAutoscaler value, PodAutoscaler? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : MetadataValidation.Check(value.Metadata, old?.Metadata, context).Via("metadata") + Spec(value.Spec, context).Via("spec");
    }

    private static FieldError Spec(PodAutoscalerSpec spec, AdmissionContext context)
        => ApiEquality.Same(spec, new())
            ? FieldError.Missing("")
            : ReferenceValidation.Check(spec.ScaleTargetRef).Via("scaleTargetRef")
                + RevisionValidation.Concurrency(spec.ContainerConcurrency, context).Via("containerConcurrency")
                + ReferenceValidation.Protocol(spec.ProtocolType).Via("protocolType");
}
