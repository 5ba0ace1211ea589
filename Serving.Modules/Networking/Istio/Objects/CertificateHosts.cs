using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Serving.Api.Core;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Istio.Objects;

/// <summary>The hosts that a certificate is for.</summary>
internal static class CertificateHosts
{
    private const string Entry = "tls.crt";
    private const string SubjectAlternativeNames = "2.5.29.17";

    /// <summary>
    /// The DNS names in the certificate of a Secret. A Secret without a certificate is one that its issuer has not filled yet
    /// (<see cref="AwaitedException"/>).
    /// </summary>
    public static IReadOnlyList<string> Of(Secret secret)
    {
        if (secret.Data?.TryGetValue(Entry, out var pem) != true || pem is null)
        {
            throw Awaited(secret, $"it has no {Entry}");
        }

        try
        {
            using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(pem));
            var names = certificate
                .Extensions.Where(static extension => extension.Oid?.Value == SubjectAlternativeNames)
                .SelectMany(static extension => new X509SubjectAlternativeNameExtension(extension.RawData).EnumerateDnsNames())
                .ToList();
            return names.Count > 0 ? names : throw Awaited(secret, "its certificate has no DNS name");
        }
        catch (CryptographicException invalid)
        {
            throw Awaited(secret, $"its {Entry} cannot be read: {invalid.Message}");
        }
    }

    /// <summary>Whether one of the hosts is a wildcard.</summary>
    public static bool HaveWildcard(IEnumerable<string> hosts) => hosts.Any(static host => host.StartsWith("*.", StringComparison.Ordinal));

    private static AwaitedException Awaited(Secret secret, string reason) =>
        new($"Secret {secret.Metadata.Namespace}/{secret.Metadata.Name} has no certificate: {reason}");
}
