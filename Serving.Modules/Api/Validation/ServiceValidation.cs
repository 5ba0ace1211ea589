using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates Services.</summary>
public static class ServiceValidation
{
    /// <summary>Validates a Service; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(Service value, Service? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        if (context.IsStatusUpdate)
        {
            return FieldError.None;
        }

        var errors = (
            MetadataValidation.Check(value.Metadata, allowAutoscaling: false, context)
            + MetadataValidation
                .WholeSeconds(ServingKeys.RolloutDuration.Find(value.Metadata.Annotations), "rollout-duration")
                .Via("annotations")
        ).Via("metadata");
        errors += RevisionValidation.Template(value.Spec.Template, value.Metadata, context).Via("spec.template");
        errors += RouteValidation.Traffic(value.Spec.Traffic, hasConfiguration: true).Via("spec");
        return old is null
            ? errors
            : errors
                + MetadataValidation
                    .CreatorAndModifier(old.Metadata, value.Metadata, ApiEquality.MeanSame(old.Spec, value.Spec))
                    .Via("metadata.annotations")
                + RevisionValidation.NameChange(value.Spec.Template, old.Spec.Template).Via("spec.template");
    }
}
