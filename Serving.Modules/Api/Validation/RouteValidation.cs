using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates Routes, and the traffic of Services.</summary>
public static class RouteValidation
{
    /// <summary>Validates a Route; <paramref name="old"/> is the previous version, null on create.</summary>
    public static FieldError Validate(Route value, Route? old, AdmissionContext context)
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
            + MetadataValidation
                .WholeSeconds(ServingKeys.RolloutDuration.Find(value.Metadata.Annotations), "rollout-duration")
                .Via("annotations")
        ).Via("metadata");
        errors += Traffic(value.Spec.Traffic, hasConfiguration: false).Via("spec");
        return old is null || value.Metadata.OwnerReferences.Count > 0
            ? errors
            : errors
                + MetadataValidation
                    .CreatorAndModifier(old.Metadata, value.Metadata, ApiEquality.MeanSame(old.Spec, value.Spec))
                    .Via("metadata.annotations");
    }

    /// <summary>Validates traffic targets; in a Service the Configuration is implied and must not be named.</summary>
    internal static FieldError Traffic(IReadOnlyList<TrafficTarget> traffic, bool hasConfiguration)
    {
        var errors = FieldError.None;
        var tags = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < traffic.Count; i++)
        {
            var target = traffic[i];
            errors += Target(target, hasConfiguration).ViaIndex(i);
            if (target.Tag.Length == 0)
            {
                continue;
            }

            // The path of a tag contains the list, as in the reference.
            if (Names.Dns1035Label(target.Tag) is { Count: > 0 } wrong)
            {
                errors += FieldError.Invalid($"not a DNS 1035 label: {GoText.List(wrong)}", "").ViaIndex("tag", i);
            }

            if (!tags.TryAdd(target.Tag, i))
            {
                errors += FieldError.Generic(
                    $"Multiple definitions for {GoText.Quote(target.Tag)}",
                    $"[{i}].tag",
                    $"[{tags[target.Tag]}].tag"
                );
            }
        }

        var sum = traffic.Aggregate(0m, (total, t) => total + (t.Percent ?? 0));
        if (sum != 100)
        {
            errors += FieldError.Generic($"Traffic targets sum to {sum:0}, want 100", "");
        }

        return errors.Via("traffic");
    }

    private static FieldError Target(TrafficTarget target, bool hasConfiguration)
    {
        var errors = FieldError.None;
        if (target.LatestRevision is { } latest && (target.RevisionName.Length > 0) == latest)
        {
            errors += FieldError.Generic(
                $"may not set revisionName {GoText.Quote(target.RevisionName)} when latestRevision is {GoText.Bool(latest)}",
                "latestRevision"
            );
        }

        errors += Destination(target, hasConfiguration);
        if (target.Percent is < 0 or > 100)
        {
            errors += FieldError.OutOfBounds(target.Percent, 0, 100, "percent");
        }

        return target.Url.Length > 0 ? errors + FieldError.Disallowed("url") : errors;
    }

    private static FieldError Destination(TrafficTarget target, bool hasConfiguration) =>
        hasConfiguration && target.ConfigurationName.Length > 0 ? FieldError.Disallowed("configurationName")
        : target.RevisionName.Length > 0 && target.ConfigurationName.Length > 0
            ? FieldError.MultipleOneOf("revisionName", "configurationName")
        : target.RevisionName.Length > 0 ? Qualified(target.RevisionName, "revisionName")
        : target.ConfigurationName.Length > 0 ? Qualified(target.ConfigurationName, "configurationName")
        : hasConfiguration ? FieldError.None
        : FieldError.MissingOneOf("revisionName", "configurationName");

    private static FieldError Qualified(string name, string field) =>
        Names.Qualified(name) is { Count: > 0 } wrong ? FieldError.InvalidKey(name, field, string.Join(", ", wrong)) : FieldError.None;
}
