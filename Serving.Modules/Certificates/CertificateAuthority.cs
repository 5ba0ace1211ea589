using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Certificates;

/// <summary>
/// Issues serving certificates. Each certificate has its own authority, whose key is discarded at once, so that no stored secret can issue
/// another certificate.
/// </summary>
public static class CertificateAuthority
{
    private const string Organization = "knative.dev";
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>Issues a certificate (ECDSA P-256) for every DNS name of a Service.</summary>
    /// <param name="service">The Service's name.</param>
    /// <param name="ns">Its namespace.</param>
    /// <param name="clusterDomain">The DNS domain of the cluster.</param>
    /// <param name="now">The current time.</param>
    /// <param name="lifetime">How long certificate and authority are valid.</param>
    public static ServingCertificatePems Issue(string service, string ns, string clusterDomain, DateTimeOffset now, TimeSpan lifetime)
    {
        var host = $"{service}.{ns}.svc";
        return Issue(host, [service, $"{service}.{ns}", host, $"{host}.{clusterDomain}"], [], now, lifetime);
    }

    /// <summary>Issues a certificate (ECDSA P-256) for DNS names and addresses.</summary>
    /// <param name="host">The subject.</param>
    /// <param name="names">The DNS names.</param>
    /// <param name="addresses">The IP addresses.</param>
    /// <param name="now">The current time.</param>
    /// <param name="lifetime">How long certificate and authority are valid.</param>
    public static ServingCertificatePems Issue(
        string host,
        IReadOnlyList<string> names,
        IReadOnlyList<IPAddress> addresses,
        DateTimeOffset now,
        TimeSpan lifetime
    )
    {
        var from = now - ClockSkew;
        var until = now + lifetime;

        // The authority needs a distinct name: a certificate with the same subject and issuer is treated as self-signed.
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest(Subject($"{host} authority"), authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        authorityRequest.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature, critical: true)
        );
        authorityRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(authorityRequest.PublicKey, critical: false));
        using var authority = authorityRequest.CreateSelfSigned(from, until);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject(host), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        request.CertificateExtensions.Add(Names(names, addresses));
        using var certificate = request.Create(authority, from, until, RandomNumberGenerator.GetBytes(16));

        return new(
            key.ExportPkcs8PrivateKeyPem() + "\n",
            certificate.ExportCertificatePem() + "\n",
            authority.ExportCertificatePem() + "\n"
        );
    }

    private static X500DistinguishedName Subject(string host)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddOrganizationName(Organization);
        name.AddCommonName(host);
        return name.Build();
    }

    private static X509Extension Names(IReadOnlyList<string> names, IReadOnlyList<IPAddress> addresses)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            builder.AddDnsName(name);
        }

        foreach (var address in addresses)
        {
            builder.AddIpAddress(address);
        }

        return builder.Build();
    }
}
