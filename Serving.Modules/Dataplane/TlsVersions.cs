using System.Security.Authentication;

namespace Serving.Dataplane;

/// <summary>The TLS versions in use, regardless of the machine's settings: none below 1.2.</summary>
public static class TlsVersions
{
    /// <summary>TLS 1.2 and 1.3.</summary>
    public const SslProtocols Spoken = SslProtocols.Tls12 | SslProtocols.Tls13;
}
