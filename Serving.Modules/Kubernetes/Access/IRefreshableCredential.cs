using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using k8s.Authentication;

namespace Serving.Kubernetes.Access;

/// <summary>A credential that changes while the process runs. Invariant: a new one is fetched once for any number of callers.</summary>
public interface IRefreshableCredential : ITokenProvider
{
    /// <summary>The client certificate that belongs to the last returned header; null for none.</summary>
    X509Certificate2? ClientCertificate => null;

    /// <summary>
    /// Reports that the server rejected (401) a request with this header and certificate, so that they are not returned again. Does nothing
    /// when the credential has changed since.
    /// </summary>
    void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate);
}
