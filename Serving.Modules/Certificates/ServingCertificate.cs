using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Certificates;

/// <summary>A certificate ready to serve with. Immutable, and never disposed: handshakes that began with it may still be under way.</summary>
public sealed class ServingCertificate
{
    private ServingCertificate(ServingCertificatePems pems, X509Certificate2 certificate)
    {
        Pems = pems;
        Certificate = certificate;
        Context = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        NotAfter = new DateTimeOffset(certificate.NotAfter.ToUniversalTime());
    }

    /// <summary>As it is stored.</summary>
    public ServingCertificatePems Pems { get; }

    /// <summary>The certificate with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The same, prepared for handshakes.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>When it expires.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>Reads what is stored; null when it is not a certificate with its key and authority.</summary>
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
