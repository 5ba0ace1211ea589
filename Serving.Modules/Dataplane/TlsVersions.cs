using System.Security.Authentication;

namespace Serving.Dataplane;

/// <summary>The versions of TLS that are spoken, whatever the machine's own settings would allow: none before 1.2.</summary>
public static class TlsVersions
{
    /// <summary>TLS 1.2 and 1.3.</summary>
    public const SslProtocols Spoken = SslProtocols.Tls12 | SslProtocols.Tls13;
}
