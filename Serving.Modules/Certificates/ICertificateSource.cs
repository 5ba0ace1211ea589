using Serving.Kubernetes;

namespace Serving.Certificates;

/// <summary>Where a server's certificate comes from. Asked again and again: what it gives changes when the certificate is renewed.</summary>
public interface ICertificateSource
{
    /// <summary>The certificate to serve with now, made when need be.</summary>
    Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation);

    /// <summary>The certificate that is there, whoever made it; null when there is none that can be read. Writes nothing.</summary>
    Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation);
}
