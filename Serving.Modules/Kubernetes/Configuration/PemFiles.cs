using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>Reads certificates from PEM text.</summary>
internal static class PemFiles
{
    /// <summary>A certificate with its private key, in a form that TLS accepts. Throws <see cref="CryptographicException"/>.</summary>
    public static X509Certificate2 Certificate(string certificatePem, string keyPem)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificatePem, keyPem);
        }
        catch (ArgumentException error)
        {
            throw new CryptographicException("certificate and key don't belong together or are no PEM", error);
        }
    }

    /// <summary>The certificates of a bundle. Throws <see cref="CryptographicException"/> when there is none.</summary>
    public static X509Certificate2Collection Bundle(string pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("no certificate in the PEM text");
    }
}
