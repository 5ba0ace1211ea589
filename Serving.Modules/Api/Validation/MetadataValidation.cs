using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates metadata of several kinds. Paths are relative to <c>metadata</c>.</summary>
internal static class MetadataValidation
{
    private static readonly HashSet<string> NetworkingAnnotations = new(
        [
            .. NetworkingKeys.IngressClass.All,
            .. NetworkingKeys.CertificateClass.All,
            .. NetworkingKeys.HttpProtocol.All,
            .. NetworkingKeys.DisableExternalDomainTls.All,
        ],
        StringComparer.Ordinal
    );

    /// <summary>Validates the name, and that autoscaling annotations are where they have an effect.</summary>
    public static FieldError Check(ObjectMeta metadata, bool allowAutoscaling, AdmissionContext context) =>
        Name(metadata)
        + Classes(metadata.Annotations).Via("annotations")
        + (
            allowAutoscaling
                ? AutoscalingValidation.Check(metadata.Annotations, context.Config.Autoscaler).Via("annotations")
                : NoAutoscaling(metadata.Annotations).Via("annotations")
        );

    /// <summary>
    /// Validates the name and new autoscaling annotations: existing ones may have been accepted by an earlier release or configuration, and
    /// must not block changes of labels and finalizers.
    /// </summary>
    public static FieldError Check(ObjectMeta metadata, ObjectMeta? old, AdmissionContext context)
    {
        var known = old is not null && Own(metadata).SequenceEqual(Own(old));
        return known ? Name(metadata) : Check(metadata, allowAutoscaling: true, context);

        static IEnumerable<KeyValuePair<string, string>> Own(ObjectMeta of) =>
            of
                .Annotations.Where(a =>
                    a.Key.StartsWith(AutoscalingKeys.Group, StringComparison.Ordinal)
                    || a.Key.StartsWith(NetworkingKeys.PublicGroup, StringComparison.Ordinal)
                )
                .OrderBy(a => a.Key, StringComparer.Ordinal);
    }

    /// <summary>Validates that labels which name owners match the owners, so that no other object can pose as a child.</summary>
    public static FieldError OwnedLabel(ObjectMeta metadata, string label, string kind) =>
        !metadata.Labels.TryGetValue(label, out var value) || metadata.OwnerReferences.Any(o => o.Kind == kind && o.Name == value)
            ? FieldError.None
            : FieldError.Missing(label).Via("labels");

    /// <summary>Only known annotations of networking.knative.dev with valid values.</summary>
    public static FieldError Networking(IReadOnlyDictionary<string, string> annotations) =>
        annotations
            .Keys.Where(k => k.StartsWith(NetworkingKeys.PublicGroup, StringComparison.Ordinal) && !NetworkingAnnotations.Contains(k))
            .Aggregate(Classes(annotations), (errors, key) => errors + FieldError.InvalidKey(key, ""));

    /// <summary>The class of an Ingress or a Certificate must not be empty: no controller would handle it.</summary>
    public static FieldError Classes(IReadOnlyDictionary<string, string> annotations) =>
        ((AnnotationKeys[])[NetworkingKeys.IngressClass, NetworkingKeys.CertificateClass])
            .Select(keys => keys.Find(annotations))
            .Where(found =>
                found is { } annotation
                && (annotation.Value.Length == 0 || annotation.Value.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
            )
            .Aggregate(FieldError.None, (errors, found) => errors + FieldError.Invalid(found!.Value.Value, found.Value.Key));

    /// <summary>Labels must be valid in Kubernetes; otherwise they would be rejected only when a child is created.</summary>
    public static FieldError Labels(IReadOnlyDictionary<string, string> labels) =>
        labels.Aggregate(
            FieldError.None,
            (errors, label) =>
                errors
                + (
                    Names.Qualified(label.Key) is { Count: > 0 } wrong ? FieldError.InvalidKey(label.Key, "", string.Join(", ", wrong))
                    : label.Value.Length > 0 && Names.LabelValue(label.Value) is { Count: > 0 } bad
                        ? FieldError.Invalid(label.Value, label.Key, string.Join(", ", bad))
                    : FieldError.None
                )
        );

    /// <summary>Annotation keys must be valid in Kubernetes.</summary>
    public static FieldError AnnotationKeys(IReadOnlyDictionary<string, string> annotations) =>
        annotations.Keys.Aggregate(
            FieldError.None,
            (errors, key) =>
                errors
                + (
                    Names.Qualified(key.ToLowerInvariant()) is { Count: > 0 } wrong
                        ? FieldError.InvalidKey(key, "", string.Join(", ", wrong))
                        : FieldError.None
                )
        );

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

    /// <summary>A duration in whole seconds that is not negative, at least <paramref name="least"/> seconds, and fits 32 bits of
    /// seconds.</summary>
    public static FieldError WholeSeconds(KeyValuePair<string, string>? annotation, string name, int least = 0)
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
            : duration.Nanoseconds < GoDuration.OfSeconds(least).Nanoseconds
                ? FieldError.Generic($"{name}={found.Value} must be positive", found.Key)
            : duration.ToTimeSpan().TotalSeconds > int.MaxValue
                ? FieldError.Generic($"{name}={found.Value} must be at most {int.MaxValue} seconds", found.Key)
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

    private static FieldError NoAutoscaling(IReadOnlyDictionary<string, string> annotations) =>
        annotations
            .Keys.Where(k =>
                k.StartsWith(AutoscalingKeys.Group, StringComparison.Ordinal) || k.StartsWith(ReserveKeys.Group, StringComparison.Ordinal)
            )
            .Aggregate(
                FieldError.None,
                (errors, key) =>
                    errors
                    + FieldError.InvalidKey(
                        key,
                        "",
                        "autoscaling annotations must be put under \"spec.template.metadata.annotations\" to work"
                    )
            );
}
