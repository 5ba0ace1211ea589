using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Serving.Concurrency.Sockets;

namespace Serving.Dataplane.Upstreams;

/// <summary>Performs the TLS handshake with a destination and verifies it as <see cref="UpstreamTls"/> specifies.</summary>
internal static class TlsHandshake
{
    /// <summary>Starts TLS on a stream, and takes ownership of the stream even on failure.</summary>
    /// <exception cref="AuthenticationException">The destination could not be verified, or it refused the handshake.</exception>
    /// <exception cref="IOException">The connection ended.</exception>
    public static async Task<SslStream> OverAsync(
        Stream connection,
        UpstreamTls tls,
        SslApplicationProtocol protocol,
        CancellationToken cancellation
    )
    {
        // A handshake takes a millisecond of calculation.
        var stream = new PoolStream(connection);
        var ssl = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await ssl.AuthenticateAsClientAsync(Options(tls, protocol), cancellation);
            stream.ContinueDirectly();
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
            RemoteCertificateValidationCallback = tls.PeerNames is { } names
                ? (_, certificate, _, errors) => Carries(certificate, names, errors)
                : null,
            TargetHost = tls.ServerName,
        };
    }

    // These are system names rather than DNS names: they may exceed the length of a DNS label.
    private static bool Carries(X509Certificate? certificate, IReadOnlyList<string> names, SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
        && certificate is X509Certificate2 peer
        && peer.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(static extension => extension.EnumerateDnsNames())
            .Any(name => names.Contains(name, StringComparer.OrdinalIgnoreCase));
}
