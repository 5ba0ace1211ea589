using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>Defaults of Services.</summary>
public static class ServiceDefaults
{
    private static readonly TrafficTarget AllToLatest = new() { LatestRevision = true, Percent = 100 };

    /// <summary>Applies the defaults of a Service; <paramref name="old"/> is the previous version, null on create.</summary>
    public static Service Apply(Service value, Service? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var spec = value.Spec with
        {
            Template = ConfigurationDefaults.Template(value.Spec.Template, old?.Spec.Template, value.Metadata, context),
            Traffic = value.Spec.Traffic.Count == 0 ? [AllToLatest] : RouteDefaults.Traffic(value.Spec.Traffic),
        };
        return value with
        {
            Spec = spec,
            Metadata = UserStamp.Apply(value.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, spec), context),
        };
    }
}
