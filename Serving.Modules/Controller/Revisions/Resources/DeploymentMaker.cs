using System.Globalization;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the Deployment of a Revision.</summary>
internal static class DeploymentMaker
{
    /// <summary>The wanted Deployment, with a hash of itself as a label.</summary>
    public static Deployment Make(Revision revision, ConfigSnapshot config, string systemNamespace)
    {
        var metadata = RevisionMetadata.Of(revision, ChildNames.Deployment(revision.Metadata.Name), RevisionMetadata.Annotations(revision));
        var deployment = new Deployment
        {
            ApiVersion = ApiResources.Deployments.ApiVersion,
            Kind = ApiResources.Deployments.Kind,
            Metadata = metadata,
            Spec = new DeploymentSpec
            {
                Replicas = InitialScale(revision, config.Autoscaler),
                Selector = new LabelSelector
                {
                    MatchLabels = new Dictionary<string, string> { [ServingKeys.RevisionUid] = revision.Metadata.Uid },
                },
                ProgressDeadlineSeconds = ProgressDeadline(revision, config.Deployment),
                RevisionHistoryLimit = 0,
                Strategy = new DeploymentStrategy
                {
                    // Old pods stay in service during a rollout until new ones are ready.
                    Type = "RollingUpdate",
                    RollingUpdate = new RollingUpdateDeployment { MaxUnavailable = 0 },
                },
                Template = new PodTemplateSpec
                {
                    Metadata = new ObjectMeta
                    {
                        Labels = RevisionMetadata.Labels(revision),
                        Annotations = RevisionMetadata.PodAnnotations(revision),
                    },
                    Spec = PodSpecMaker.Make(revision, config, systemNamespace),
                },
            },
        };
        var hash = DeploymentHash.Of(deployment);
        return deployment with
        {
            Metadata = metadata with
            {
                Labels = Maps.Union(metadata.Labels, new Dictionary<string, string> { [ServingKeys.DeploymentHash] = hash }),
            },
        };
    }

    /// <summary>
    /// The update of <paramref name="existing"/>, or null when nothing that we set has changed. The scale, the selector and labels and
    /// annotations of others are kept. A Deployment that another implementation created with the same images is adopted: it gets our hash
    /// and keeps its pods, even if other fields differ, until something that we set changes.
    /// </summary>
    public static Deployment? Update(Deployment existing, Deployment wanted)
    {
        var hash = wanted.Metadata.Labels.Get(ServingKeys.DeploymentHash);
        var found = existing.Metadata.Labels.Get(ServingKeys.DeploymentHash);
        if (found == hash)
        {
            return null;
        }

        if (!DeploymentHash.IsOurs(found) && HasImagesOf(existing, wanted))
        {
            return existing with
            {
                Metadata = existing.Metadata with
                {
                    Labels = Maps.Union(existing.Metadata.Labels, new Dictionary<string, string> { [ServingKeys.DeploymentHash] = hash }),
                },
            };
        }

        var template = wanted.Spec!.Template!;
        var before = existing.Spec?.Template?.Metadata ?? new ObjectMeta();
        return existing with
        {
            Metadata = existing.Metadata with
            {
                Labels = Merge(wanted.Metadata.Labels, existing.Metadata.Labels),
                Annotations = Merge(wanted.Metadata.Annotations, existing.Metadata.Annotations),
            },
            Spec = wanted.Spec with
            {
                Replicas = existing.Spec?.Replicas,
                Selector = existing.Spec?.Selector,
                Template = template with
                {
                    Metadata = template.Metadata! with
                    {
                        Labels = Merge(template.Metadata.Labels, before.Labels),
                        Annotations = Merge(template.Metadata.Annotations, before.Annotations),
                    },
                },
            },
        };
    }

    private static SortedDictionary<string, string> Merge(
        IReadOnlyDictionary<string, string> wanted,
        IReadOnlyDictionary<string, string> existing
    ) => Maps.Union(wanted, existing.Without(key => key == ServingKeys.App || key.Contains("knative.dev/", StringComparison.Ordinal)));

    private static bool HasImagesOf(Deployment existing, Deployment wanted) => Images(existing).SequenceEqual(Images(wanted));

    private static IEnumerable<(string Name, string Image)> Images(Deployment deployment) =>
        (deployment.Spec?.Template?.Spec?.Containers ?? []).Select(container => (container.Name, container.Image)).Order();

    private static int InitialScale(Revision revision, AutoscalerConfig config) =>
        AutoscalingKeys.InitialScale.Value(revision.Metadata.Annotations) is { } text
        && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var scale)
            ? scale
            : config.InitialScale;

    private static int ProgressDeadline(Revision revision, DeploymentConfig config) =>
        (int)
            (
                GoDuration.TryParse(revision.Metadata.Annotations.Get(ServingKeys.ProgressDeadline), out var deadline)
                    ? deadline.ToTimeSpan()
                    : config.ProgressDeadline
            ).TotalSeconds;
}
