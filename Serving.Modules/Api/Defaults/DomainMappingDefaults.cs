using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>Defaults of DomainMappings.</summary>
public static class DomainMappingDefaults
{
    /// <summary>Applies the defaults of a DomainMapping; <paramref name="old"/> is the previous version, null on create.</summary>
    public static DomainMapping Apply(DomainMapping value, DomainMapping? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var spec =
            value.Spec.Ref.Namespace.Length > 0
                ? value.Spec
                : value.Spec with
                {
                    Ref = value.Spec.Ref with { Namespace = value.Metadata.Namespace },
                };
        return value with
        {
            Spec = spec,
            Metadata = UserStamp.Apply(value.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, spec), context),
        };
    }
}
