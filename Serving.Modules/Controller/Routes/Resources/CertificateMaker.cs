using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Routes.Resources;

/// <summary>Makes the Certificates of a Route's and a DomainMapping's hosts.</summary>
internal static class CertificateMaker
{
    /// <summary>The values of the certificate type label.</summary>
    public const string ExternalDomain = "external-domain";
    public const string ClusterLocalDomain = "cluster-local-domain";
    public const string SystemInternal = "system-internal";

    /// <summary>The certificate of an external host.</summary>
    public static Certificate External<T>(
        ResourceType<T> type,
        T owner,
        string ownerLabel,
        string name,
        string host,
        string baseDomain,
        string certificateClass
    )
        where T : class, IKubernetesObject => New(type, owner, ownerLabel, name, [host], baseDomain, certificateClass, ExternalDomain);

    /// <summary>The certificate of a tag's cluster-local names.</summary>
    public static Certificate ClusterLocal(
        Route route,
        string tag,
        IReadOnlyList<string> hosts,
        string clusterDomain,
        string certificateClass
    ) =>
        New(
            ApiResources.Routes,
            route,
            ServingKeys.Route,
            NameOf(route, tag) + "-local",
            hosts,
            "svc." + clusterDomain,
            certificateClass,
            ClusterLocalDomain
        );

    /// <summary>The name of a tag's certificate: <c>route-UID</c>, with a checksum of the tag when there is one.</summary>
    public static string NameOf(Route route, string tag) =>
        tag.Length == 0 ? $"route-{route.Metadata.Uid}" : $"route-{route.Metadata.Uid}-{Adler32.Decimal(tag)}";

    private static Certificate New<T>(
        ResourceType<T> type,
        T owner,
        string ownerLabel,
        string name,
        IReadOnlyList<string> hosts,
        string baseDomain,
        string certificateClass,
        string certificateType
    )
        where T : class, IKubernetesObject =>
        new()
        {
            ApiVersion = ApiResources.Certificates.ApiVersion,
            Kind = ApiResources.Certificates.Kind,
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = owner.Metadata.Namespace,
                OwnerReferences = [Ownership.ControllerReference(type, owner)],
                Annotations = Maps.Union(
                    new Dictionary<string, string> { [NetworkingKeys.CertificateClass.Key] = certificateClass },
                    owner.Metadata.Annotations.Without(IngressMaker.IsExcluded)
                ),
                Labels = new Dictionary<string, string>
                {
                    [ownerLabel] = owner.Metadata.Name,
                    [NetworkingKeys.CertificateType] = certificateType,
                },
            },
            Spec = new CertificateSpec
            {
                DnsNames = hosts,
                Domain = baseDomain,
                SecretName = name,
            },
        };
}
