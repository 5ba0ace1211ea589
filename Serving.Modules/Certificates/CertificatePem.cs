using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Serving.Api.Core;

namespace Serving.Certificates;

/// <summary>Reads certificates from Secrets of type <c>kubernetes.io/tls</c>, as cert-manager writes them.</summary>
public static class CertificatePem
{
    private const string CertificateEntry = "tls.crt";
    private const string KeyEntry = "tls.key";

    /// <summary>The certificate with its chain, ready for serving.</summary>
    /// <exception cref="CryptographicException">An entry is missing or invalid; the message names it.</exception>
    public static SslStreamCertificateContext Read(Secret secret)
    {
        ArgumentNullException.ThrowIfNull(secret);
        var (certificate, key) = (Text(secret, CertificateEntry), Text(secret, KeyEntry));
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(certificate);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificate, key), chain, offline: true);
        }
        catch (ArgumentException unfit)
        {
            // The key belongs to another certificate, or is of an unsupported type.
            throw new CryptographicException(unfit.Message, unfit);
        }
    }

    /// <summary>When a certificate expires.</summary>
    public static DateTimeOffset NotAfter(SslStreamCertificateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new DateTimeOffset(context.TargetCertificate.NotAfter.ToUniversalTime());
    }

    private static string Text(Secret secret, string entry) =>
        secret.Data?.TryGetValue(entry, out var bytes) == true
            ? Encoding.ASCII.GetString(bytes)
            : throw new CryptographicException($"it has no {entry}");
}
