using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>Says who we are to the API server, anew whenever that changes.</summary>
public interface ICredentialSource
{
    /// <summary>
    /// The value of the Authorization header, or null for none. <paramref name="refused"/> says that the server answered
    /// 401 to the last one, so that a cached one must not be given again.
    /// </summary>
    ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation);

    /// <summary>The client certificate as of now, or null for none.</summary>
    X509Certificate2? ClientCertificate => null;
}
