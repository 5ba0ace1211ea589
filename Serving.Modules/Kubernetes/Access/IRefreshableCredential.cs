using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using k8s.Authentication;

namespace Serving.Kubernetes.Access;

/// <summary>A credential that changes while the process runs. Invariant: however many callers need a new one, it is fetched once.</summary>
public interface IRefreshableCredential : ITokenProvider
{
    /// <summary>The client certificate that belongs to the header given last; null for none.</summary>
    X509Certificate2? ClientCertificate => null;

    /// <summary>
    /// Says that the server refused (401) a request with this header and certificate, so that they are not given again. Nothing happens
    /// when the credential is another by now.
    /// </summary>
    void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate);
}
