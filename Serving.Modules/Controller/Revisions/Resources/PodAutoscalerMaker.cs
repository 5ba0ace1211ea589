using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the PodAutoscaler of a Revision.</summary>
internal static class PodAutoscalerMaker
{
    /// <param name="revision">The Revision, with the status of this pass.</param>
    /// <param name="deployment">Its Deployment, if it exists.</param>
    /// <param name="defaultClass">The class when the Revision names none.</param>
    public static PodAutoscaler Make(Revision revision, Deployment? deployment, string defaultClass)
    {
        var annotations = RevisionMetadata.AutoscalerAnnotations(revision);
        if (AutoscalingKeys.Class.Value(annotations) is null && defaultClass.Length > 0)
        {
            annotations[AutoscalingKeys.Class.Key] = defaultClass;
        }

        return new PodAutoscaler
        {
            ApiVersion = ApiResources.PodAutoscalers.ApiVersion,
            Kind = ApiResources.PodAutoscalers.Kind,
            Metadata = RevisionMetadata.Of(revision, revision.Metadata.Name, annotations),
            Spec = new PodAutoscalerSpec
            {
                ContainerConcurrency = revision.Spec.ContainerConcurrency ?? 0,
                ScaleTargetRef = new ObjectReference
                {
                    ApiVersion = ApiResources.Deployments.ApiVersion,
                    Kind = ApiResources.Deployments.Kind,
                    Name = ChildNames.Deployment(revision.Metadata.Name),
                },
                ProtocolType = revision.Spec.Protocol(),
                Reachability = Reachability(revision, deployment),
            },
        };
    }

    /// <summary>
    /// The annotations for an existing PodAutoscaler: ours take precedence, and scaling annotations that the Revision no longer has are
    /// removed. Class and metric, which are defaulted, and annotations not about scaling are kept.
    /// </summary>
    public static IReadOnlyDictionary<string, string> MergeAnnotations(
        IReadOnlyDictionary<string, string> existing,
        IReadOnlyDictionary<string, string> wanted
    ) =>
        Maps.Union(
            existing.Without(key =>
                key.StartsWith(AutoscalingKeys.Group, StringComparison.Ordinal)
                && key != AutoscalingKeys.Class.Key
                && key != AutoscalingKeys.Metric.Key
            ),
            wanted.Without(key => key == AutoscalingKeys.Class.Key && existing.ContainsKey(key))
        );

    private static string Reachability(Revision revision, Deployment? deployment)
    {
        var deadlineExceeded = ConditionSet.IsFalse(deployment?.Status?.Conditions ?? [], "Progressing");
        var broken =
            (
                ConditionSet.Get(revision.Status.Conditions, RevisionLifecycle.ResourcesAvailable)
                    is { Status: ConditionStatus.False } unavailable
                && (deadlineExceeded || !PodProblems.IsEarly(unavailable.Reason))
            ) || ConditionSet.IsFalse(revision.Status.Conditions, RevisionLifecycle.ContainerHealthy);
        if (broken && deployment?.Spec?.Replicas > 0 && (deployment.Status?.ReadyReplicas ?? 0) == 0)
        {
            return "Unreachable";
        }

        return revision.Metadata.Labels.Get(ServingKeys.RoutingState) switch
        {
            ServingKeys.RoutingStateActive => "Reachable",
            ServingKeys.RoutingStateReserve => "Unreachable",
            _ => "",
        };
    }
}
