namespace Serving.Benchmarks.Load;

/// <summary>What a client speaks, and over how many connections.</summary>
/// <param name="Name">Its name in the report.</param>
/// <param name="Identifier">Its name in the handshake (ALPN); of HTTP/2 in clear text <c>h2c</c>.</param>
/// <param name="HasTls">Whether the connections have TLS.</param>
/// <param name="Connections">The number of connections, kept open.</param>
/// <param name="Streams">The requests of a connection at a time.</param>
internal sealed record LoadProtocol(string Name, string Identifier, bool HasTls, int Connections, int Streams)
{
    /// <summary>HTTP/1.1 over TLS.</summary>
    public static LoadProtocol Http1Tls { get; } = new("h1 TLS", "http/1.1", HasTls: true, Connections: 32, Streams: 1);

    /// <summary>HTTP/2 in clear text, without an upgrade from HTTP/1.1.</summary>
    public static LoadProtocol Http2 { get; } = new("h2c", "h2c", HasTls: false, Connections: 8, Streams: 8);

    /// <summary>HTTP/2 over TLS.</summary>
    public static LoadProtocol Http2Tls { get; } = new("h2 TLS", "h2", HasTls: true, Connections: 8, Streams: 8);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<LoadProtocol> All { get; } = [Http1Tls, Http2, Http2Tls];
}
