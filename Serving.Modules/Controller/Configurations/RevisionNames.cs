using System.Globalization;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Configurations;

/// <summary>Checks whether the name of a Configuration's next Revision is available.</summary>
internal static class RevisionNames
{
    /// <summary>Whether the name belongs to another Revision: of another owner, or of another generation with another
    /// specification.</summary>
    public static bool IsTaken(Configuration configuration, ILister<Revision> revisions) =>
        Named(configuration, revisions) is { } revision && !Matches(configuration, revision);

    /// <summary>The Revision with the name in the Configuration's template, or null.</summary>
    public static Revision? Named(Configuration configuration, ILister<Revision> revisions)
    {
        var name = configuration.Spec.Template.Metadata.Name;
        return name.Length == 0 ? null : revisions.Get(configuration.Metadata.Namespace, name);
    }

    /// <summary>Whether this Configuration controls the Revision, and its generation or its specification is the same.</summary>
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

    /// <summary>The generation as a label value.</summary>
    public static string Generation(Configuration configuration) =>
        (configuration.Metadata.Generation ?? 0).ToString(CultureInfo.InvariantCulture);
}
