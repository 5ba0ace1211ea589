using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Revisions.Resources;

/// <summary>The labels and annotations of a Revision's children.</summary>
internal static class RevisionMetadata
{
    /// <summary>Labels of every child: the Revision's own except those that change with routing, its name and uid, and
    /// <c>app</c>.</summary>
    public static SortedDictionary<string, string> Labels(Revision revision)
    {
        var labels = revision.Metadata.Labels.Without(key => key is ServingKeys.Route or ServingKeys.RoutingState);
        labels[ServingKeys.Revision] = revision.Metadata.Name;
        labels[ServingKeys.RevisionUid] = revision.Metadata.Uid;
        labels.TryAdd(ServingKeys.App, revision.Metadata.Name);
        return labels;
    }

    /// <summary>Annotations of the Deployment and the Images: those not related to scaling and routing.</summary>
    public static SortedDictionary<string, string> Annotations(Revision revision) =>
        revision.Metadata.Annotations.Without(key =>
            IsRoutingState(key)
            || key.StartsWith(AutoscalingKeys.Group, StringComparison.Ordinal)
            || key.StartsWith(ReserveKeys.Group, StringComparison.Ordinal)
        );

    /// <summary>Annotations of the PodAutoscaler: including scaling.</summary>
    public static SortedDictionary<string, string> AutoscalerAnnotations(Revision revision) =>
        revision.Metadata.Annotations.Without(IsRoutingState);

    /// <summary>Annotations of the pods.</summary>
    public static SortedDictionary<string, string> PodAnnotations(Revision revision)
    {
        var annotations = Annotations(revision);
        if (revision.Spec.ServingContainer().Name is { Length: > 0 } name)
        {
            annotations[ServingKeys.DefaultContainer] = name;
        }

        return annotations;
    }

    /// <summary>Metadata of a child that the Revision controls, in the Revision's namespace.</summary>
    public static ObjectMeta Of(Revision revision, string name, IReadOnlyDictionary<string, string> annotations) =>
        new()
        {
            Name = name,
            Namespace = revision.Metadata.Namespace,
            Labels = Labels(revision),
            Annotations = annotations,
            OwnerReferences = [Ownership.ControllerReference(Serving.Api.Resources.Revisions, revision)],
        };

    private static bool IsRoutingState(string key) =>
        key is ServingKeys.LastPinned or ServingKeys.NoGc or ServingKeys.RoutingStateModified or ServingKeys.Routes;
}
