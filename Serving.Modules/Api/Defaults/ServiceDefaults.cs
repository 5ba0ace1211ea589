using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>What a Service gets when it is written.</summary>
public static class ServiceDefaults
{
    private static readonly TrafficTarget AllToLatest = new() { LatestRevision = true, Percent = 100 };

    /// <summary>The defaults of a Service; <paramref name="old"/> is what it replaces, null for a new object.</summary>
    public static Service Apply(Service value, Service? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var spec = value.Spec with
        {
            Template = ConfigurationDefaults.Template(value.Spec.Template, old?.Spec.Template, value.Metadata, context),
            Traffic = value.Spec.Traffic.Count == 0 ? [AllToLatest] : RouteDefaults.Traffic(value.Spec.Traffic),
        };
        return value with { Spec = spec, Metadata = UserStamp.Apply(value.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, spec), context) };
    }
}
