using Serving.Kubernetes.Client;

namespace Serving.Certificates;

/// <summary>Provides a server's certificate. Query it for each use: the result changes when the certificate is renewed.</summary>
public interface ICertificateSource
{
    /// <summary>The current certificate for serving, created if necessary.</summary>
    Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation);

    /// <summary>The existing certificate, whichever process created it; null when there is no valid one. Writes nothing.</summary>
    Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation);
}
