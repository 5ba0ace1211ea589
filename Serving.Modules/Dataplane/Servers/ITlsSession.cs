using System.Net.Security;
using System.Security.Authentication;

namespace Serving.Dataplane;

/// <summary>What a handshake came to, as a feature of each connection with TLS.</summary>
public interface ITlsSession
{
    /// <summary>The version that is spoken.</summary>
    SslProtocols Version { get; }

    /// <summary>The cipher suite.</summary>
    TlsCipherSuite CipherSuite { get; }

    /// <summary>The name that the client asked for; empty when it named none.</summary>
    string ServerName { get; }
}
