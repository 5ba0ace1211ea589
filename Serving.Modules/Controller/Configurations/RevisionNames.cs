using System.Globalization;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Configurations;

/// <summary>Tells whether the name that a Configuration gives its next Revision can be had.</summary>
internal static class RevisionNames
{
    /// <summary>Whether the name is that of a Revision which is not of this Configuration and generation, and differs.</summary>
    public static bool IsTaken(Configuration configuration, ILister<Revision> revisions) =>
        Named(configuration, revisions) is { } revision && !Matches(configuration, revision);

    /// <summary>The Revision that has the name in the Configuration's template, or null.</summary>
    public static Revision? Named(Configuration configuration, ILister<Revision> revisions)
    {
        var name = configuration.Spec.Template.Metadata.Name;
        return name.Length == 0 ? null : revisions.Get(configuration.Metadata.Namespace, name);
    }

    /// <summary>Whether the Revision is this Configuration's and of its generation, or equal to what it would make.</summary>
    public static bool Matches(Configuration configuration, Revision revision)
    {
        if (!revision.IsControlledBy(configuration))
        {
            return false;
        }

        if (revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration) == Generation(configuration))
        {
            return true;
        }

        return ApiEquality.MeanSame(configuration.Spec.Template.Spec, revision.Spec);
    }

    /// <summary>The generation as it stands in labels.</summary>
    public static string Generation(Configuration configuration) =>
        (configuration.Metadata.Generation ?? 0).ToString(CultureInfo.InvariantCulture);
}
