using Serving.Api;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Common;

/// <summary>Creates and updates the Certificates of an object.</summary>
internal static class CertificateAccess
{
    /// <summary>The Certificate after it was created or updated. Throws <see cref="NotOwnedException"/> when another object owns
    /// it.</summary>
    public static async Task<Certificate> EnsureAsync(
        IKubernetesObject owner,
        Certificate wanted,
        ILister<Certificate> certificates,
        IKubernetesClient client,
        IEventRecorder events,
        CancellationToken cancellation
    ) =>
        (
            await ChildObjects.EnsureAsync(
                client,
                Serving.Api.Resources.Certificates,
                owner,
                certificates.Get(wanted.Metadata.Namespace, wanted.Metadata.Name),
                wanted,
                static (existing, wanted) =>
                    existing with
                    {
                        Spec = wanted.Spec.Keeping(existing.Spec),
                        Metadata = existing.Metadata.WithMapsOf(wanted.Metadata),
                    },
                cancellation,
                new ChildEvents(events, $"Certificate {ObjectKey.Of(wanted)}") { ReportsUpdates = true }
            )
        ).Object;

    /// <summary>The entry of an Ingress that uses the Certificate.</summary>
    public static IngressTls IngressTls(Certificate certificate, IReadOnlyList<string> hosts) =>
        new()
        {
            Hosts = hosts,
            SecretName = certificate.Spec.SecretName,
            SecretNamespace = certificate.Metadata.Namespace,
        };
}
