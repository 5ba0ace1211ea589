using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>Defaults of Routes.</summary>
public static class RouteDefaults
{
    /// <summary>Applies the defaults of a Route; <paramref name="old"/> is the previous version, null on create.</summary>
    public static Route Apply(Route value, Route? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var result = value with { Spec = value.Spec with { Traffic = Traffic(value.Spec.Traffic) } };
        return result.Metadata.OwnerReferences.Count > 0
            ? result
            : result with
            {
                Metadata = UserStamp.Apply(result.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, result.Spec), context),
            };
    }

    /// <summary>A target without a Revision follows the latest; a missing percentage is 0.</summary>
    internal static IReadOnlyList<TrafficTarget> Traffic(IReadOnlyList<TrafficTarget> traffic) =>
        [.. traffic.Select(t => t with { LatestRevision = t.LatestRevision ?? t.RevisionName.Length == 0, Percent = t.Percent ?? 0 })];
}
