using Serving.Dataplane.ProxyProtocol;

namespace Serving.Dataplane.Servers;

/// <summary>The limits of a <see cref="DataplaneServer"/>, which may change while it serves.</summary>
public sealed record ServerLimits
{
    /// <summary>The largest allowed <see cref="MaxHeaderBytes"/>.</summary>
    public const int LargestHeader = 1024 * 1024;

    /// <summary>Timeout for the first request of a connection, and for the head of any request.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an idle connection is kept open.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Maximum size in bytes of the request headers, and of the request line; at most <see cref="LargestHeader"/>.</summary>
    public int MaxHeaderBytes { get; init; } = LargestHeader;

    /// <summary>Maximum number of connections; further ones are closed. Null for no limit.</summary>
    public long? MaxConnections { get; init; }

    /// <summary>Whether <see cref="MaxConnections"/> counts connections that were upgraded (WebSocket) too.</summary>
    public bool CountsUpgraded { get; init; }

    /// <summary>Maximum number of open streams per HTTP/2 connection.</summary>
    public int MaxStreamsPerConnection { get; init; } = 250;

    /// <summary>
    /// The number of requests after which a client is asked to open another connection (Connection: close, GOAWAY), so that clients of
    /// long-lived connections spread over the replicas; 0 for no limit.
    /// </summary>
    public int MaxRequestsPerConnection { get; init; }

    /// <summary>From whom the PROXY protocol is accepted; null when the server does not speak it.</summary>
    public ProxyProtocolPolicy? ProxyProtocol { get; init; }
}
