using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>What a DomainMapping gets when it is written.</summary>
public static class DomainMappingDefaults
{
    /// <summary>The defaults of a DomainMapping; <paramref name="old"/> is what it replaces, null for a new object.</summary>
    public static DomainMapping Apply(DomainMapping value, DomainMapping? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var spec = value.Spec.Ref.Namespace.Length > 0
            ? value.Spec
            : value.Spec with { Ref = value.Spec.Ref with { Namespace = value.Metadata.Namespace } };
        return value with { Spec = spec, Metadata = UserStamp.Apply(value.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, spec), context) };
    }
}
