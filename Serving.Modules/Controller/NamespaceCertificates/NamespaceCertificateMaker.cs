using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.NamespaceCertificates;

/// <summary>Makes the wildcard Certificate of a namespace; it and its Secret have the name of the domain without the star.</summary>
internal static class NamespaceCertificateMaker
{
    public static Certificate Make(Namespace owner, string dnsName, string domain, string certificateClass)
    {
        var name = dnsName[(dnsName.IndexOf('.', StringComparison.Ordinal) + 1)..];
        return new Certificate
        {
            ApiVersion = ApiResources.Certificates.ApiVersion,
            Kind = ApiResources.Certificates.Kind,
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = owner.Metadata.Name,
                OwnerReferences = [Ownership.ControllerReference(ApiResources.Namespaces, owner)],
                Annotations = new Dictionary<string, string> { [NetworkingKeys.CertificateClass.Key] = certificateClass },
                Labels = new Dictionary<string, string> { [NetworkingKeys.WildcardDomain] = domain },
            },
            Spec = new CertificateSpec { DnsNames = [dnsName], SecretName = name },
        };
    }
}
