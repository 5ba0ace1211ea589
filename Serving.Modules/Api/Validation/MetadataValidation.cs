using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Checks of metadata that several kinds share. Paths are those inside <c>metadata</c>.</summary>
internal static class MetadataValidation
{
    private static readonly HashSet<string> NetworkingAnnotations = new(
        [.. NetworkingKeys.IngressClass.All, .. NetworkingKeys.CertificateClass.All, .. NetworkingKeys.HttpProtocol.All, .. NetworkingKeys.DisableExternalDomainTls.All],
        StringComparer.Ordinal);

    /// <summary>The name, and that annotations of autoscaling are where they have an effect.</summary>
    public static FieldError Check(ObjectMeta metadata, bool allowAutoscaling, AdmissionContext context)
        => Name(metadata)
            + (allowAutoscaling
                ? AutoscalingValidation.Check(metadata.Annotations, context.Config.Autoscaler).Via("annotations")
                : NoAutoscaling(metadata.Annotations).Via("annotations"));

    /// <summary>That the names in labels are those of owners, so that nobody else can pass for a child.</summary>
    public static FieldError OwnedLabel(ObjectMeta metadata, string label, string kind)
        => !metadata.Labels.TryGetValue(label, out var value) || metadata.OwnerReferences.Any(o => o.Kind == kind && o.Name == value)
            ? FieldError.None
            : FieldError.Missing(label).Via("labels");

    /// <summary>Only known annotations of networking.knative.dev.</summary>
    public static FieldError Networking(IReadOnlyDictionary<string, string> annotations)
        => annotations.Keys
            .Where(k => k.StartsWith(NetworkingKeys.PublicGroup, StringComparison.Ordinal) && !NetworkingAnnotations.Contains(k))
            .Aggregate(FieldError.None, (errors, key) => errors + FieldError.InvalidKey(key, ""));

    /// <summary>The creator never changes, and the last modifier only together with the specification.</summary>
    public static FieldError CreatorAndModifier(ObjectMeta old, ObjectMeta current, bool sameSpec)
    {
        var errors = FieldError.None;
        if (old.Annotations.GetValueOrDefault(ServingKeys.Creator, "") != current.Annotations.GetValueOrDefault(ServingKeys.Creator, ""))
        {
            errors += FieldError.Generic("annotation value is immutable", ServingKeys.Creator);
        }

        var modifier = current.Annotations.GetValueOrDefault(ServingKeys.LastModifier, "");
        if (sameSpec && old.Annotations.GetValueOrDefault(ServingKeys.LastModifier, "") != modifier)
        {
            errors += FieldError.Invalid(modifier, ServingKeys.LastModifier);
        }

        return errors;
    }

    /// <summary>A duration in whole seconds that is not negative.</summary>
    public static FieldError WholeSeconds(KeyValuePair<string, string>? annotation, string name)
    {
        if (annotation is not { Value.Length: > 0 } found)
        {
            return FieldError.None;
        }

        if (!GoDuration.TryParse(found.Value, out var duration))
        {
            return FieldError.Invalid(found.Value, found.Key);
        }

        return !duration.IsWholeSeconds ? FieldError.Generic($"{name}={found.Value} is not at second precision", found.Key)
            : duration.Nanoseconds < 0 ? FieldError.Generic($"{name}={found.Value} must be positive", found.Key)
            : FieldError.None;
    }

    private static FieldError Name(ObjectMeta metadata)
    {
        if (metadata.GenerateName.Length > 0 && Names.Dns1035Prefix(metadata.GenerateName) is { Count: > 0 } wrongPrefix)
        {
            return FieldError.Generic($"not a DNS 1035 label prefix: {GoText.List(wrongPrefix)}", "generateName");
        }

        if (metadata.Name.Length > 0 && Names.Dns1035Label(metadata.Name) is { Count: > 0 } wrong)
        {
            return FieldError.Generic($"not a DNS 1035 label: {GoText.List(wrong)}", "name");
        }

        return metadata.Name.Length == 0 && metadata.GenerateName.Length == 0
            ? FieldError.Generic("name or generateName is required", "name")
            : FieldError.None;
    }

    private static FieldError NoAutoscaling(IReadOnlyDictionary<string, string> annotations)
        => annotations.Keys
            .Where(k => k.StartsWith(AutoscalingKeys.Group, StringComparison.Ordinal))
            .Aggregate(FieldError.None, (errors, key) => errors
                + FieldError.InvalidKey(key, "", "autoscaling annotations must be put under \"spec.template.metadata.annotations\" to work"));
}
