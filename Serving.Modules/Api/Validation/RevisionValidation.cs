using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates Revisions and their templates.</summary>
public static class RevisionValidation
{
    private static readonly string[] SidecarResources =
    [
        ServingKeys.QueueSidecarCpuRequest,
        ServingKeys.QueueSidecarCpuLimit,
        ServingKeys.QueueSidecarMemoryRequest,
        ServingKeys.QueueSidecarMemoryLimit,
        ServingKeys.QueueSidecarEphemeralStorageRequest,
        ServingKeys.QueueSidecarEphemeralStorageLimit,
    ];

    /// <summary>Validates a Revision; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(Revision value, Revision? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        if (context.IsStatusUpdate)
        {
            return FieldError.None;
        }

        if (old is not null && ShortDiff.OfSpec(ApiEquality.ToElement(old.Spec), ApiEquality.ToElement(value.Spec)) is { Length: > 0 } diff)
        {
            return FieldError.WithDetails("Immutable fields changed (-old +new)", diff, "spec");
        }

        var errors = (
            MetadataValidation.Check(value.Metadata, old?.Metadata, context)
            + MetadataValidation.OwnedLabel(value.Metadata, ServingKeys.Configuration, "Configuration")
        ).Via("metadata");
        return old is not null
            ? errors
            : errors
                + Spec(value.Spec, context).Via("spec")
                + ReserveValidation.Check(value.Metadata.Annotations, value.Spec, context.Config).Via("metadata.annotations");
    }

    /// <summary>Validates a specification; paths are relative to it.</summary>
    internal static FieldError Spec(RevisionSpec spec, AdmissionContext context)
    {
        var defaults = context.Config.Defaults;
        var errors = PodSpecValidation.Check(spec, context.Config);
        if (spec.TimeoutSeconds is { } timeout && (timeout < 0 || timeout > defaults.MaxRevisionTimeoutSeconds))
        {
            errors += FieldError.OutOfBounds(timeout, 0, defaults.MaxRevisionTimeoutSeconds, "timeoutSeconds");
        }

        errors +=
            NotNegative(spec.ResponseStartTimeoutSeconds, "responseStartTimeoutSeconds", defaults)
            + NotNegative(spec.IdleTimeoutSeconds, "idleTimeoutSeconds", defaults);
        return errors
            + (
                spec.ContainerConcurrency is { } concurrency
                    ? Concurrency(concurrency, context).Via("containerConcurrency")
                    : FieldError.None
            );
    }

    private static FieldError NotNegative(long? seconds, string field, DefaultsConfig defaults) =>
        seconds is < 0 ? FieldError.OutOfBounds(seconds, 0, defaults.MaxRevisionTimeoutSeconds, field) : FieldError.None;

    /// <summary>Validates containerConcurrency.</summary>
    internal static FieldError Concurrency(long value, AdmissionContext context)
    {
        var defaults = context.Config.Defaults;
        var least = defaults.AllowContainerConcurrencyZero ? 0 : 1;
        return value < least || value > defaults.ContainerConcurrencyMaxLimit
            ? FieldError.OutOfBounds(value, least, defaults.ContainerConcurrencyMaxLimit, "")
            : FieldError.None;
    }

    /// <summary>Validates a template; paths are relative to it.</summary>
    /// <param name="template">The template.</param>
    /// <param name="parent">Metadata of the owning object, whose name is the prefix of the Revision's.</param>
    /// <param name="context">The configuration.</param>
    internal static FieldError Template(RevisionTemplateSpec template, ObjectMeta parent, AdmissionContext context)
    {
        var annotations = template.Metadata.Annotations;
        return Spec(template.Spec, context).Via("spec")
            + (
                AutoscalingValidation.Check(annotations, context.Config.Autoscaler)
                + ReserveValidation.Check(annotations, template.Spec, context.Config)
                + MetadataValidation.Networking(annotations)
                + Sidecar(annotations)
                + MetadataValidation.WholeSeconds(Find(annotations, ServingKeys.ProgressDeadline), "progress-deadline", least: 1)
            ).Via("metadata.annotations")
            + MetadataValidation.Labels(template.Metadata.Labels).Via("metadata.labels")
            + MetadataValidation.AnnotationKeys(annotations).Via("metadata.annotations")
            + Name(template.Metadata, parent);
    }

    /// <summary>A template that keeps a user-provided name must not change otherwise.</summary>
    internal static FieldError NameChange(RevisionTemplateSpec template, RevisionTemplateSpec old) =>
        template.Metadata.Name.Length > 0
        && template.Metadata.Name == old.Metadata.Name
        && ShortDiff.OfTemplate(ApiEquality.ToElement(old), ApiEquality.ToElement(template)) is { Length: > 0 } diff
            ? FieldError.WithDetails("Saw the following changes without a name change (-old +new)", diff, "metadata.name")
            : FieldError.None;

    private static FieldError Name(ObjectMeta template, ObjectMeta parent)
    {
        if (template.GenerateName.Length > 0 && Names.Dns1035Prefix(template.GenerateName) is { Count: > 0 } wrongPrefix)
        {
            return FieldError.Invalid($"not a DNS 1035 label prefix: {GoText.List(wrongPrefix)}", "metadata.generateName");
        }

        if (template.Name.Length == 0)
        {
            return FieldError.None;
        }

        if (Names.Dns1035Label(template.Name) is { Count: > 0 } wrong)
        {
            return FieldError.Invalid($"not a DNS 1035 label: {GoText.List(wrong)}", "metadata.name");
        }

        // A parent whose name is still to be generated cannot be the prefix of a user-provided name.
        var prefix = parent.Name + "-";
        return parent.Name.Length == 0 && parent.GenerateName.Length > 0 ? FieldError.Disallowed("metadata.name")
            : template.Name.StartsWith(prefix, StringComparison.Ordinal) ? FieldError.None
            : FieldError.Invalid($"{GoText.Quote(template.Name)} must have prefix {GoText.Quote(prefix)}", "metadata.name");
    }

    private static FieldError Sidecar(IReadOnlyDictionary<string, string> annotations)
    {
        var errors = FieldError.None;
        if (ServingKeys.QueueSidecarResourcePercentage.Find(annotations) is { } percentage)
        {
            errors += FieldError
                .Generic(
                    "Queue proxy resource percentage annotation is deprecated. Please use the available annotations to explicitly set resource values per service"
                )
                .At(FieldErrorLevel.Warning);
            errors += (
                !GoNumber.TryParseFloat(percentage.Value, out var value) ? FieldError.Invalid(percentage.Value, "")
                : !double.IsFinite(value) ? FieldError.Invalid(percentage.Value, "")
                : value is < 0.1 or > 100 ? FieldError.OutOfBounds(GoText.Number(value), "0.1", "100", "")
                : FieldError.None
            ).ViaKey(percentage.Key);
        }

        return SidecarResources
            .Where(key =>
                annotations.TryGetValue(key, out var text)
                && (!new Quantity(text).IsValid || (new Quantity(text).TryGetAmount(out var amount) && amount < 0))
            )
            .Aggregate(errors + SidecarPairs(annotations), (all, key) => all + FieldError.Invalid(annotations[key], "").ViaKey(key));
    }

    /// <summary>Kubernetes rejects a pod whose sidecar requests more than its limit.</summary>
    private static FieldError SidecarPairs(IReadOnlyDictionary<string, string> annotations) =>
        SidecarResources
            .Chunk(2)
            .Where(pair =>
                annotations.TryGetValue(pair[0], out var request)
                && annotations.TryGetValue(pair[1], out var limit)
                && new Quantity(request).TryGetAmount(out var wanted)
                && new Quantity(limit).TryGetAmount(out var allowed)
                && wanted > allowed
            )
            .Aggregate(
                FieldError.None,
                (errors, pair) =>
                    errors
                    + FieldError
                        .Generic($"{annotations[pair[0]]} is greater than the limit, which is {annotations[pair[1]]}", "")
                        .ViaKey(pair[0])
            );

    private static KeyValuePair<string, string>? Find(IReadOnlyDictionary<string, string> annotations, string key) =>
        annotations.TryGetValue(key, out var value) ? new(key, value) : null;
}
