using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates Configurations.</summary>
public static class ConfigurationValidation
{
    /// <summary>Validates a Configuration; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(Configuration value, Configuration? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        if (context.IsStatusUpdate)
        {
            return FieldError.None;
        }

        var errors = (
            MetadataValidation.Check(value.Metadata, allowAutoscaling: false, context)
            + MetadataValidation.OwnedLabel(value.Metadata, ServingKeys.Service, "Service")
        ).Via("metadata");
        errors += RevisionValidation.Template(value.Spec.Template, value.Metadata, context).Via("spec.template");
        if (old is null)
        {
            return errors;
        }

        // The controller writes those owned by a Service, so their creator is not a user.
        if (value.Metadata.OwnerReferences.Count == 0)
        {
            errors += MetadataValidation
                .CreatorAndModifier(old.Metadata, value.Metadata, ApiEquality.MeanSame(old.Spec, value.Spec))
                .Via("metadata.annotations");
        }

        return errors + RevisionValidation.NameChange(value.Spec.Template, old.Spec.Template).Via("spec.template");
    }
}
