using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>Builds what connects to one API server.</summary>
internal static class ClientHandlers
{
    /// <param name="configuration">Where the server is and whom we trust.</param>
    /// <param name="certificate">Shown at every handshake; null for none.</param>
    public static SocketsHttpHandler Create(KubernetesConfiguration configuration, X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90),
            AutomaticDecompression = DecompressionMethods.None,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            UseProxy = configuration.Proxy is not null,
            Proxy = configuration.Proxy is null ? null : new WebProxy(configuration.Proxy),
        };
        if (configuration.Server.Scheme == Uri.UriSchemeHttps)
        {
            handler.SslOptions = Tls(configuration, certificate);
        }

        return handler;
    }

    private static SslClientAuthenticationOptions Tls(KubernetesConfiguration configuration, X509Certificate2? certificate)
    {
        var tls = new SslClientAuthenticationOptions
        {
            TargetHost = configuration.TlsServerName ?? configuration.Server.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        if (configuration.SkipTlsVerify)
        {
#pragma warning disable CA5359 // Asked for by name in the configuration (insecure-skip-tls-verify).
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (configuration.Authorities is { } authorities)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            tls.CertificateChainPolicy = policy;
        }

        if (certificate is not null)
        {
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        return tls;
    }
}
