using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using k8s.Authentication;

namespace Serving.Kubernetes.Access;

/// <summary>
/// A bearer token in a file that is rotated. The package reads it again every minute; this class also reads it when the server rejects the
/// token, and keeps the previous token while the file cannot be read, because a rotation replaces the file.
/// </summary>
internal sealed class TokenFile(string path) : IRefreshableCredential
{
    private volatile TokenFileAuth _file = new(path);
    private volatile AuthenticationHeaderValue? _last;

    /// <summary>Throws <see cref="KubernetesConfigurationException"/> when the file was never readable.</summary>
    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        try
        {
            var header = await _file.GetAuthenticationHeaderAsync(cancellationToken);
            _last = header;
            return header;
        }
        catch (Exception error) when (error.GetBaseException() is IOException or UnauthorizedAccessException)
        {
            return _last
                ?? throw new KubernetesConfigurationException(path, "", $"cannot be read: {error.GetBaseException().Message}", error);
        }
    }

    public void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate)
    {
        if (Equals(header, _last))
        {
            _file = new TokenFileAuth(path);
        }
    }
}
