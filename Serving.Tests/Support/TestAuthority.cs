using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Serving.Api.Core;

namespace Serving.Tests.Support;

/// <summary>A CA for tests, and the certificates that it issues.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly X509Certificate2 _certificate;

    public TestAuthority(string name = "test")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name} authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>The CA certificate.</summary>
    public string Pem => _certificate.ExportCertificatePem();

    /// <summary>The CA certificate in PEM, for clients to trust.</summary>
    public X509Certificate2Collection Roots => [X509Certificate2.CreateFromPem(Pem)];

    /// <summary>A certificate for these names, as PEM, with its key.</summary>
    public (string Certificate, string Key) Issue(params string[] names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={names[0]}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        using var issued = request.Create(
            _certificate,
            DateTimeOffset.UtcNow.AddMinutes(-5),
            DateTimeOffset.UtcNow.AddHours(1),
            RandomNumberGenerator.GetBytes(8)
        );
        return (issued.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The same as a certificate with its key, for servers.</summary>
    public SslStreamCertificateContext Serve(params string[] names)
    {
        var (pem, key) = Issue(names);
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(pem, key), [], offline: true);
    }

    /// <summary>The same in a Secret, as cert-manager writes it.</summary>
    public Secret Secret(string ns, string name, params string[] names)
    {
        var (pem, key) = Issue(names);
        return new Secret
        {
            Metadata = new ObjectMeta { Namespace = ns, Name = name },
            Data = new Dictionary<string, byte[]>
            {
                ["tls.crt"] = Encoding.ASCII.GetBytes(pem),
                ["tls.key"] = Encoding.ASCII.GetBytes(key),
                ["ca.crt"] = Encoding.ASCII.GetBytes(Pem),
            },
        };
    }

    public void Dispose() => _certificate.Dispose();
}
