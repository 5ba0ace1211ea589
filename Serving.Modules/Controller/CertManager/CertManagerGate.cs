using Serving.Api.Config;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.CertManager;

/// <summary>
/// Selects the Certificates for cert-manager, while the configuration requires certificates and the cluster has cert-manager. Other
/// Certificates belong to another controller and are not modified, nor is their status.
/// </summary>
internal sealed class CertManagerGate(
    ILister<Certificate> certificates,
    CertManagerApi api,
    Func<ConfigSnapshot> config,
    CertManagerReconciler inner
) : IReconciler
{
    public string Name => inner.Name;

    /// <summary>Whether the configuration requires certificates of any kind.</summary>
    public static bool IsRequired(NetworkConfig network) =>
        network.ExternalDomainTls
        || network.ClusterLocalDomainTls
        || network.SystemInternalTls
        || network.NamespaceWildcardCertSelector is not null;

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (
            !IsRequired(config().Network)
            || certificates.Get(key.Namespace, key.Name) is not { } certificate
            || NetworkingKeys.CertificateClass.Value(certificate.Metadata.Annotations)
                is not (null or "" or NetworkingKeys.CertManagerCertificateClass)
        )
        {
            return Reconcile.Done;
        }

        var (made, wait) = await api.FindAsync(cancellation);
        if (made is null)
        {
            return Reconcile.After(wait);
        }

        inner.Made = made;
        return await inner.ReconcileAsync(key, client, cancellation);
    }
}
