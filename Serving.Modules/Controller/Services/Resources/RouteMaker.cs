using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;
using KnativeService = Serving.Api.Knative.Service;

namespace Serving.Controller.Services.Resources;

/// <summary>Makes the Route of a Service.</summary>
internal static class RouteMaker
{
    /// <summary>The wanted Route; targets without a Revision name get the Service's Configuration.</summary>
    public static Route Make(KnativeService service) =>
        new()
        {
            ApiVersion = Serving.Api.Resources.Routes.ApiVersion,
            Kind = Serving.Api.Resources.Routes.Kind,
            Metadata = new ObjectMeta
            {
                Name = service.Metadata.Name,
                Namespace = service.Metadata.Namespace,
                OwnerReferences = [Ownership.ControllerReference(Serving.Api.Resources.KnativeServices, service)],
                Labels = Maps.Union(
                    service.Metadata.Labels,
                    new Dictionary<string, string> { [ServingKeys.Service] = service.Metadata.Name }
                ),
                Annotations = service.Metadata.Annotations.Without(key => key == Maps.LastApplied),
            },
            Spec = new RouteSpec
            {
                Traffic =
                [
                    .. service.Spec.Traffic.Select(target =>
                        target.RevisionName.Length == 0 ? target with { ConfigurationName = service.Metadata.Name } : target
                    ),
                ],
            },
        };
}
