using Serving.Api.Core;
using Serving.Api.Knative;

namespace Serving.Api.Validation;

/// <summary>Validates DomainMappings.</summary>
public static class DomainMappingValidation
{
    /// <summary>Validates a DomainMapping; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(DomainMapping value, DomainMapping? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : Metadata(value, old, context).Via("metadata") + Reference(value.Spec.Ref, value.Metadata.Namespace).Via("spec.ref");
    }

    private static FieldError Metadata(DomainMapping value, DomainMapping? old, AdmissionContext context)
    {
        var name = value.Metadata.Name;
        var errors = value.Metadata.GenerateName.Length > 0 ? FieldError.Disallowed("generateName") : FieldError.None;
        if (Names.FullyQualifiedDomain("name", name) is { } wrong)
        {
            errors += FieldError.Generic($"invalid name {GoText.Quote(name)}: {wrong}", "name");
        }

        if (name.EndsWith("." + context.ClusterDomain, StringComparison.Ordinal))
        {
            errors += FieldError.Generic(
                $"invalid name {GoText.Quote(name)}: must not be a subdomain of cluster local domain {GoText.Quote(context.ClusterDomain)}",
                "name"
            );
        }

        return old is null
            ? errors
            : errors
                + MetadataValidation
                    .CreatorAndModifier(old.Metadata, value.Metadata, ApiEquality.MeanSame(old.Spec, value.Spec))
                    .Via("annotations");
    }

    private static FieldError Reference(ObjectReference reference, string parentNamespace)
    {
        var errors = reference.Name.Length == 0 ? FieldError.Missing("name") : FieldError.None;
        if (reference.ExtensionData?.TryGetValue("group", out var group) == true && group.ToString().Length > 0)
        {
            errors += FieldError.Disallowed("group");
        }

        errors += reference.ApiVersion.Length == 0 ? FieldError.Missing("apiVersion") : FieldError.None;
        errors += reference.Kind.Length == 0 ? FieldError.Missing("kind") : FieldError.None;
        return reference.Namespace.Length > 0 && parentNamespace.Length > 0 && reference.Namespace != parentNamespace
            ? errors
                + FieldError.WithDetails(
                    "mismatched namespaces",
                    $"parent namespace: {GoText.Quote(parentNamespace)} does not match ref: {GoText.Quote(reference.Namespace)}",
                    "namespace"
                )
            : errors;
    }
}
