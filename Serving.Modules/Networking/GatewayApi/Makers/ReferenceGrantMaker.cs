using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>Makes what lets a Gateway of another namespace read the certificate of an Ingress.</summary>
internal static class ReferenceGrantMaker
{
    /// <summary>The grant for a Secret in the namespace of the Ingress.</summary>
    public static ReferenceGrant Make(Ingress ingress, string secret, ObjectName gateway) =>
        new()
        {
            ApiVersion = GatewayApiResources.ReferenceGrants.ApiVersion,
            Kind = GatewayApiResources.ReferenceGrants.Kind,
            Metadata = new ObjectMeta
            {
                Name = ChildName.Of(ingress.Metadata.Name, $"-{secret}-{gateway.Namespace}"),
                Namespace = ingress.Metadata.Namespace,
                OwnerReferences = [Ownership.ControllerReference(Resources.Ingresses, ingress)],
            },
            Spec = new ReferenceGrantSpec
            {
                From =
                [
                    new ReferenceGrantFrom
                    {
                        Group = GatewayApiResources.Group,
                        Kind = GatewayApiResources.Gateways.Kind,
                        Namespace = gateway.Namespace,
                    },
                ],
                To = [new ReferenceGrantTo { Kind = Resources.Secrets.Kind, Name = secret }],
            },
        };
}
