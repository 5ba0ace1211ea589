using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>A token, password or certificate that never changes.</summary>
internal sealed class StaticCredential(string? authorization, X509Certificate2? certificate) : ICredentialSource
{
    public X509Certificate2? ClientCertificate => certificate;

    public ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation) => ValueTask.FromResult(authorization);
}
