using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Serving.Dataplane.Servers;

/// <summary>One address that a <see cref="DataplaneServer"/> listens on.</summary>
/// <param name="Address">The address.</param>
/// <param name="Port">The port; 0 to have a free one assigned.</param>
public sealed record DataplaneEndpoint(IPAddress Address, int Port)
{
    /// <summary>
    /// Selects the certificate by the server name of the ClientHello (null without SNI); a null result rejects the handshake.
    /// If set, the endpoint speaks TLS with ALPN <c>h2</c> and <c>http/1.1</c>; if null, HTTP/1.1 and h2c in clear text.
    /// </summary>
    public Func<string?, SslStreamCertificateContext?>? Certificates { get; init; }

    /// <summary>Further TLS settings (protocol versions, cipher suites), applied to every handshake.</summary>
    public Action<SslServerAuthenticationOptions>? ConfigureTls { get; init; }
}

/// <summary>Options of a <see cref="DataplaneServer"/>.</summary>
public sealed record DataplaneServerOptions
{
    /// <summary>The endpoints to listen on; at least one.</summary>
    public required IReadOnlyList<DataplaneEndpoint> Endpoints { get; init; }

    /// <summary>The limits at the start; see <see cref="DataplaneServer.Limits"/>.</summary>
    public ServerLimits Limits { get; init; } = new();

    /// <summary>The budget shared by the heads of all requests.</summary>
    public HeadBudget HeadBudget { get; init; } = HeadBudget.Shared;

    /// <summary>How long upgraded connections (WebSocket) may continue once the server is stopping and nothing else is in flight.</summary>
    public TimeSpan UpgradedGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The clock of <see cref="UpgradedGrace"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Creates the loggers.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    /// <summary>How long an HTTP/1.1 request continues after its client closed its half of the connection: the client may be waiting for
    /// the response, or be gone.</summary>
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
