using System.Globalization;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Configurations.Resources;

/// <summary>Makes the Revision of a Configuration's generation.</summary>
internal static class RevisionMaker
{
    /// <summary>The wanted Revision. Its routing state is pending until the labeler processes it, or active at once when a Route is known
    /// to target the Configuration.</summary>
    public static Revision Make(Configuration configuration, DateTimeOffset now)
    {
        var template = configuration.Spec.Template;
        var config = configuration.Metadata;
        var labels = Maps.Union(template.Metadata.Labels);
        var annotations = Maps.Union(template.Metadata.Annotations);
        labels[ServingKeys.Configuration] = config.Name;
        labels[ServingKeys.ConfigurationGeneration] = RevisionNames.Generation(configuration);
        labels[ServingKeys.ConfigurationUid] = config.Uid;
        labels[ServingKeys.RoutingState] = ServingKeys.RoutingStatePending;
        annotations[ServingKeys.RoutingStateModified] = Timestamp(now);
        foreach (var key in (string[])[ServingKeys.Service, ServingKeys.ServiceUid])
        {
            if (config.Labels.Get(key) is { Length: > 0 } value)
            {
                labels[key] = value;
            }
        }

        if (config.Annotations.TryGetValue(ServingKeys.LastModifier, out var modifier))
        {
            annotations[ServingKeys.Creator] = modifier;
        }

        if (config.Annotations.TryGetValue(ServingKeys.Routes, out var routes))
        {
            annotations[ServingKeys.Routes] = routes;
            labels[ServingKeys.RoutingState] = ServingKeys.RoutingStateActive;
        }

        return new Revision
        {
            ApiVersion = Serving.Api.Resources.Revisions.ApiVersion,
            Kind = Serving.Api.Resources.Revisions.Kind,
            Metadata = template.Metadata with
            {
                Namespace = config.Namespace,
                Name =
                    template.Metadata.Name.Length > 0
                        ? template.Metadata.Name
                        : ChildName.Of(
                            config.Name,
                            string.Create(CultureInfo.InvariantCulture, $"-{configuration.Metadata.Generation ?? 0:D5}")
                        ),
                Labels = labels,
                Annotations = annotations,
                OwnerReferences =
                [
                    .. template.Metadata.OwnerReferences,
                    Ownership.ControllerReference(Serving.Api.Resources.Configurations, configuration),
                ],
            },
            Spec = template.Spec,
        };
    }

    /// <summary>Formats a time for annotations: RFC 3339 in UTC, whole seconds.</summary>
    public static string Timestamp(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
