using System.Net;

namespace Serving.Api.Config;

/// <summary>The limits of one of the gateway's listeners.</summary>
public sealed record GatewayListenerConfig
{
    /// <summary>The defaults.</summary>
    public static GatewayListenerConfig Default { get; } = new();

    /// <summary>Maximum number of connections, WebSockets included; null to derive it from the memory of the process.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>Maximum size of a request head in bytes.</summary>
    public int MaxRequestHeadBytes { get; init; } = 256 * 1024;

    /// <summary>How long a client may take for the head of a request, the TLS handshake, and the header of the PROXY protocol.</summary>
    public TimeSpan RequestHeadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection without a request is kept open.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Maximum number of open streams per HTTP/2 connection.</summary>
    public int MaxStreamsPerConnection { get; init; } = 250;

    /// <summary>The number of requests after which a client is asked to connect again; 0 for no limit.</summary>
    public int MaxRequestsPerConnection { get; init; }

    /// <summary>Number of trusted proxies in front of the listener; null for <c>--gateway-trusted-hops</c>.</summary>
    public int? TrustedHops { get; init; }

    /// <summary>Whether connections begin with a header of the PROXY protocol.</summary>
    public ProxyProtocolMode ProxyProtocol { get; init; }

    /// <summary>The proxies whose headers name the client.</summary>
    public IReadOnlyList<IPNetwork> ProxyProtocolSources { get; init; } = [];
}
