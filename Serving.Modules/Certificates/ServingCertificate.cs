using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Certificates;

/// <summary>A certificate ready for serving. Immutable, and never disposed, because handshakes may still use it.</summary>
public sealed class ServingCertificate
{
    private ServingCertificate(ServingCertificatePems pems, X509Certificate2 certificate)
    {
        Pems = pems;
        Certificate = certificate;
        Context = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        NotAfter = new DateTimeOffset(certificate.NotAfter.ToUniversalTime());
    }

    /// <summary>The stored form.</summary>
    public ServingCertificatePems Pems { get; }

    /// <summary>The certificate with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The same, as a context for handshakes.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>When it expires.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>Reads the stored form; null unless it is a certificate with its key and authority.</summary>
    public static ServingCertificate? TryRead(ServingCertificatePems pems)
    {
        ArgumentNullException.ThrowIfNull(pems);
        try
        {
            var certificate = X509Certificate2.CreateFromPem(pems.Certificate, pems.Key);
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPem(pems.Authorities);
            return authorities.Count == 0 ? null : new(pems, certificate);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            return null;
        }
    }
}
