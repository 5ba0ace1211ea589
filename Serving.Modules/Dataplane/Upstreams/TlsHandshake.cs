using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Dataplane;

/// <summary>Speaks TLS to a destination and makes it prove who it is, as <see cref="UpstreamTls"/> asks.</summary>
internal static class TlsHandshake
{
    /// <summary>TLS over a connection, which it owns from now on, whatever comes of it.</summary>
    /// <exception cref="AuthenticationException">The destination is not who it should be, or refuses.</exception>
    /// <exception cref="IOException">The connection ended.</exception>
    public static async Task<SslStream> OverAsync(Stream connection, UpstreamTls tls, SslApplicationProtocol protocol, CancellationToken cancellation)
    {
        var ssl = new SslStream(connection, leaveInnerStreamOpen: false);
        try
        {
            await ssl.AuthenticateAsClientAsync(Options(tls, protocol), cancellation);
            return ssl;
        }
        catch
        {
            await ssl.DisposeAsync();
            throw;
        }
    }

    private static SslClientAuthenticationOptions Options(UpstreamTls tls, SslApplicationProtocol protocol)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(tls.Roots);
        return new SslClientAuthenticationOptions
        {
            ApplicationProtocols = [protocol],
            CertificateChainPolicy = policy,
            EnabledSslProtocols = TlsVersions.Spoken,
            RemoteCertificateValidationCallback = tls.PeerNames is { } names ? (_, certificate, _, errors) => Carries(certificate, names, errors) : null,
            TargetHost = tls.ServerName,
        };
    }

    // The names are those of the system, not of DNS: one may be longer than a host name's label can be.
    private static bool Carries(X509Certificate? certificate, IReadOnlyList<string> names, SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
        && certificate is X509Certificate2 peer
        && peer.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(static extension => extension.EnumerateDnsNames())
            .Any(name => names.Contains(name, StringComparer.OrdinalIgnoreCase));
}
