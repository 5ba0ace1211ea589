using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;
using KnativeService = Serving.Api.Knative.Service;

namespace Serving.Controller.Services.Resources;

/// <summary>Makes the Configuration of a Service.</summary>
internal static class ConfigurationMaker
{
    /// <summary>The wanted Configuration. Routes that <paramref name="existing"/> already lists stay in its annotation.</summary>
    /// <param name="service">The Service.</param>
    /// <param name="existing">The existing Configuration, if any.</param>
    /// <param name="hasOwnRoute">Whether the Service owns, or will own, the Route of its name.</param>
    public static Configuration Make(KnativeService service, Configuration? existing, bool hasOwnRoute = true)
    {
        var routes = (existing?.Metadata.Annotations ?? Empty.Map).Names(ServingKeys.Routes);
        if (existing is null || (hasOwnRoute && service.Spec.Traffic.Any(static target => target.RevisionName.Length == 0)))
        {
            // In all other cases the labeler decides whether the Route targets this Configuration: if both wrote it, they would overwrite
            // each other forever.
            routes.Add(service.Metadata.Name);
        }

        var annotations = service.Metadata.Annotations.Without(key =>
            key == Maps.LastApplied || ServingKeys.RolloutDuration.All.Contains(key)
        );
        annotations[ServingKeys.Routes] = string.Join(',', routes);
        return new Configuration
        {
            ApiVersion = Serving.Api.Resources.Configurations.ApiVersion,
            Kind = Serving.Api.Resources.Configurations.Kind,
            Metadata = new ObjectMeta
            {
                Name = service.Metadata.Name,
                Namespace = service.Metadata.Namespace,
                OwnerReferences = [Ownership.ControllerReference(Serving.Api.Resources.KnativeServices, service)],
                Labels = Maps.Union(
                    service.Metadata.Labels,
                    new Dictionary<string, string>
                    {
                        [ServingKeys.Service] = service.Metadata.Name,
                        [ServingKeys.ServiceUid] = service.Metadata.Uid,
                    }
                ),
                Annotations = annotations,
            },
            Spec = new ConfigurationSpec { Template = service.Spec.Template },
        };
    }
}
