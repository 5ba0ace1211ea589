using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes.Access;

/// <summary>
/// Validates the API server's certificate against the cluster's CA certificates, which are read from their file for every handshake, so
/// that a rotated CA needs no restart. Invariant: a CA of the machine's trust store is trusted only when it is also one of the cluster's,
/// and a certificate for another name is never accepted; the package's own validation accepts both.
/// </summary>
internal sealed class ServerTrust
{
    private readonly string? _file;
    private volatile X509Certificate2Collection _authorities;

    /// <param name="authorities">The CA certificates.</param>
    /// <param name="file">The file they were read from; null when they never change.</param>
    public ServerTrust(X509Certificate2Collection authorities, string? file)
    {
        _authorities = authorities;
        _file = file;
    }

    /// <summary>The CA certificates as of the last handshake.</summary>
    public X509Certificate2Collection Authorities => _authorities;

    /// <summary>The certificates in a PEM text. Throws <see cref="CryptographicException"/> when there is none.</summary>
    public static X509Certificate2Collection Parse(string pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("no certificate in the PEM text");
    }

    /// <summary>Whether the server's certificate is valid.</summary>
    public bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            return false;
        }

        Refresh();
        return k8s.Kubernetes.CertificateValidationCallBack(
            sender,
            _authorities,
            certificate,
            chain,
            SslPolicyErrors.RemoteCertificateChainErrors
        );
    }

    private void Refresh()
    {
        if (_file is null)
        {
            return;
        }

        try
        {
            _authorities = Parse(File.ReadAllText(_file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // The file is being replaced: this handshake uses the previous certificates, and the next one reads the file again.
        }
    }
}
