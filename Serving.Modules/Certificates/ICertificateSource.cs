using Serving.Kubernetes;

namespace Serving.Certificates;

/// <summary>Where a server's certificate comes from. Asked again and again: what it gives changes when the certificate is renewed.</summary>
public interface ICertificateSource
{
    /// <summary>The certificate to serve with now, made when need be.</summary>
    Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation);
}
