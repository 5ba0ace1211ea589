using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Revisions;

/// <summary>
/// Requests the certificate of a namespace's sidecars when system-internal-tls encrypts traffic within the system. The namespace owns it:
/// all its Revisions share it, and it is deleted with the namespace.
/// </summary>
internal sealed class QueueProxyCertificates(ILister<Certificate> certificates, IEventRecorder events)
{
    /// <summary>The name of the Certificate and of its Secret.</summary>
    public const string Name = NetworkingKeys.SidecarCertificate;

    /// <summary>Returns when the Secret can be mounted; otherwise throws <see cref="CertificateNotReadyException"/>.</summary>
    public async Task EnsureAsync(IKubernetesClient client, string ns, string certificateClass, CancellationToken cancellation)
    {
        var owner = await client.GetAsync(ApiResources.Namespaces, null, ns, cancellation);
        await CertificateAccess.EnsureAsync(owner, Make(owner, certificateClass), certificates, client, events, cancellation);
        Secret secret;
        try
        {
            secret = await client.GetAsync(ApiResources.Secrets, ns, Name, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            throw new CertificateNotReadyException($"secret {ns}/{Name} is not ready yet: secret could not be found");
        }

        foreach (var (key, what) in (ReadOnlySpan<(string, string)>)[("tls.crt", "public cert"), ("tls.key", "private key")])
        {
            if (secret.Data?.ContainsKey(key) != true)
            {
                throw new CertificateNotReadyException($"certificate in secret {ns}/{Name} is not ready yet: {what} not found");
            }
        }
    }

    private static Certificate Make(Namespace owner, string certificateClass) =>
        new()
        {
            ApiVersion = ApiResources.Certificates.ApiVersion,
            Kind = ApiResources.Certificates.Kind,
            Metadata = new ObjectMeta
            {
                Name = Name,
                Namespace = owner.Metadata.Name,
                OwnerReferences = [Ownership.ControllerReference(ApiResources.Namespaces, owner)],
                Annotations = new Dictionary<string, string> { [NetworkingKeys.CertificateClass.Key] = certificateClass },
                Labels = new Dictionary<string, string> { [NetworkingKeys.CertificateType] = CertificateMaker.SystemInternal },
            },
            Spec = new CertificateSpec
            {
                // The second name is for networking layers that verify a single, fixed name.
                DnsNames = ["kn-user-" + owner.Metadata.Name.ToLowerInvariant(), "data-plane.knative.dev"],
                SecretName = Name,
            },
        };
}
