using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>A bearer token in a file that something else rotates; read again every minute, and when the server refuses it.</summary>
internal sealed class TokenFileCredential(string path, X509Certificate2? certificate, TimeProvider time) : ICredentialSource
{
    private static readonly TimeSpan MaximumAge = TimeSpan.FromMinutes(1);
    private volatile Cached? _cached;

    public X509Certificate2? ClientCertificate => certificate;

    public async ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation)
    {
        if (!refused && _cached is { } cached && time.GetElapsedTime(cached.Read) < MaximumAge)
        {
            return cached.Value;
        }

        try
        {
            var token = (await File.ReadAllTextAsync(path, cancellation).ConfigureAwait(false)).Trim();
            var read = new Cached($"Bearer {token}", time.GetTimestamp());
            _cached = read;
            return read.Value;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A rotation replaces the file; the token read before is still good while that happens.
            return _cached?.Value ?? throw new KubernetesConfigurationException(path, "", $"cannot be read: {error.Message}", error);
        }
    }

    private sealed record Cached(string Value, long Read);
}
