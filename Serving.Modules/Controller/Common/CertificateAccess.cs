using Serving.Api;
using Serving.Api.Networking;
using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>Creates and updates the Certificates that an object wants.</summary>
internal static class CertificateAccess
{
    /// <summary>The Certificate as it is after it was made what is wanted. Throws <see cref="NotOwnedException"/> when it is somebody else's.</summary>
    public static async Task<Certificate> EnsureAsync(
        IKubernetesObject owner, Certificate wanted, ILister<Certificate> certificates, IKubernetesClient client, IEventRecorder events, CancellationToken cancellation)
    {
        var name = wanted.Metadata.Name;
        if (certificates.Get(wanted.Metadata.Namespace, name) is not { } existing)
        {
            try
            {
                var (created, isNew) = await ChildObjects.CreateAsync(client, Serving.Api.Resources.Certificates, wanted, owner, cancellation).ConfigureAwait(false);
                if (!isNew)
                {
                    return created;
                }

                events.Normal(owner, "Created", $"Created Certificate {wanted.Metadata.Namespace}/{name}");
                return created;
            }
            catch (ChildRefusedException error)
            {
                events.Warning(owner, "CreationFailed", $"Failed to create Certificate {wanted.Metadata.Namespace}/{name}: {error.Refusal.Message}");
                throw;
            }
        }

        ChildObjects.EnsureOwned(Serving.Api.Resources.Certificates, existing, owner);
        var result = existing with
        {
            Spec = wanted.Spec.Keeping(existing.Spec),
            Metadata = existing.Metadata with { Annotations = wanted.Metadata.Annotations, Labels = wanted.Metadata.Labels },
        };
        if (ApiEquality.Same(existing, result))
        {
            return existing;
        }

        try
        {
            var updated = await client.UpdateAsync(Serving.Api.Resources.Certificates, result, cancellation).ConfigureAwait(false);
            events.Normal(owner, "Updated", $"Updated Spec for Certificate {wanted.Metadata.Namespace}/{name}");
            return updated;
        }
        catch (KubernetesException error) when (!error.IsConflict)
        {
            events.Warning(owner, "UpdateFailed", $"Failed to update Certificate {wanted.Metadata.Namespace}/{name}: {error.Message}");
            throw;
        }
    }

    /// <summary>The entry of an Ingress that uses the Certificate.</summary>
    public static IngressTls IngressTls(Certificate certificate, IReadOnlyList<string> hosts)
        => new() { Hosts = hosts, SecretName = certificate.Spec.SecretName, SecretNamespace = certificate.Metadata.Namespace };
}
