using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes.Access;

/// <summary>
/// Checks the API server's certificate against the cluster's authorities, which are read again from their file with every handshake, so
/// that one that is replaced needs no restart. Invariant: an authority of the machine is trusted only when it is one of the cluster's, and
/// a certificate for another name never is; the package's own check takes both.
/// </summary>
internal sealed class ServerTrust
{
    private readonly string? _file;
    private volatile X509Certificate2Collection _authorities;

    /// <param name="authorities">Who may sign the server's certificate.</param>
    /// <param name="file">The file they were read from; null when they never change.</param>
    public ServerTrust(X509Certificate2Collection authorities, string? file)
    {
        _authorities = authorities;
        _file = file;
    }

    /// <summary>Who may sign the server's certificate, as of the last handshake.</summary>
    public X509Certificate2Collection Authorities => _authorities;

    /// <summary>The certificates of a PEM text. Throws <see cref="CryptographicException"/> when there is none.</summary>
    public static X509Certificate2Collection Parse(string pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("no certificate in the PEM text");
    }

    /// <summary>Whether the server may be talked to.</summary>
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
            // It is being replaced: the authorities before are good for this handshake, and the next one reads again.
        }
    }
}
