using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Serving.Dataplane;

/// <summary>One address that a <see cref="DataplaneServer"/> listens on.</summary>
/// <param name="Address">The address.</param>
/// <param name="Port">The port; 0 for any that is free.</param>
public sealed record DataplaneEndpoint(IPAddress Address, int Port)
{
    /// <summary>
    /// The certificate for the server name a client asks for (null when it names none); a null result refuses the client.
    /// When set, the endpoint speaks TLS with ALPN <c>h2</c> and <c>http/1.1</c>; when null, HTTP/1.1 and h2c in clear text.
    /// </summary>
    public Func<string?, SslStreamCertificateContext?>? Certificates { get; init; }

    /// <summary>Further settings of the TLS endpoint (protocol versions, cipher suites), applied to every handshake.</summary>
    public Action<SslServerAuthenticationOptions>? ConfigureTls { get; init; }
}

/// <summary>How a <see cref="DataplaneServer"/> serves.</summary>
public sealed record DataplaneServerOptions
{
    /// <summary>Where it listens; at least one.</summary>
    public required IReadOnlyList<DataplaneEndpoint> Endpoints { get; init; }

    /// <summary>
    /// Whether socket completions run the request on the thread that polls: less CPU and latency, but then nothing that
    /// handles a request may block.
    /// </summary>
    public bool InlineScheduling { get; init; }

    /// <summary>How long a client may take to the first request of its connection, and over the head of any.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection is kept after a request.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most bytes of request headers, and of a request line; at most 1 MiB.</summary>
    public int MaxHeaderBytes { get; init; } = 1024 * 1024;

    /// <summary>The most connections at once; null for no bound.</summary>
    public long? MaxConnections { get; init; }

    /// <summary>Streams that one HTTP/2 connection may have open.</summary>
    public int MaxStreamsPerConnection { get; init; } = 250;

    /// <summary>What bounds the heads of all requests together.</summary>
    public HeadBudget HeadBudget { get; init; } = HeadBudget.Shared;

    /// <summary>How long connections that have left HTTP (WebSocket) may go on once the server stops and nothing else is in flight.</summary>
    public TimeSpan UpgradedGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The clock of <see cref="UpgradedGrace"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where it logs.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    /// <summary>How long the request of an HTTP/1.1 client goes on that has closed its half of the connection: it may wait for the response, or be gone.</summary>
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
