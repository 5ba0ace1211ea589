using System.Net;
using System.Net.Security;
using Serving.Api.Config;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;

namespace Serving.Activator;

/// <summary>Listen addresses, limits and timeouts of the activator.</summary>
/// <param name="Address">Its address in the Endpoints of a revision.</param>
public sealed record ActivatorOptions(IPAddress Address)
{
    /// <summary>The listen address; by default <see cref="Address"/>.</summary>
    public IPAddress ListenAddress { get; init; } = Address;

    /// <summary>The port that Services target for HTTP/1.1; it also speaks h2c.</summary>
    public int HttpPort { get; init; } = 8012;

    /// <summary>The port that Services target for h2c; it also speaks HTTP/1.1.</summary>
    public int H2cPort { get; init; } = 8013;

    /// <summary>The TLS port; used when <see cref="Certificates"/> is set.</summary>
    public int HttpsPort { get; init; } = 8112;

    /// <summary>Selects the certificate for a server name, where null rejects the handshake; null disables TLS.</summary>
    public Func<string?, SslStreamCertificateContext?>? Certificates { get; init; }

    /// <summary>Provides the TLS verification of a namespace's pods; null, or a null result, for clear text.</summary>
    public Func<string, UpstreamTls?>? PodTls { get; init; }

    /// <summary>The TLS port of pods.</summary>
    public int PodTlsPort { get; init; } = 8112;

    /// <summary>Maximum number of connections over all ports; further ones are closed.</summary>
    public int MaxConnections { get; init; } = ConnectionBound.OfMemory;

    /// <summary>Maximum size of a request head in bytes: the gateway's limit plus room for the headers it adds.</summary>
    public int MaxRequestHeadBytes { get; init; } = 320 * 1024;

    /// <summary>Maximum number of requests waiting for one revision; further ones get a 503.</summary>
    public int QueueDepth { get; init; } = 10_000;

    /// <summary>Returns the current config-network, which says whether a mesh may block requests to single pods.</summary>
    public Func<NetworkConfig> Network { get; init; } = static () => NetworkConfig.Default;

    /// <summary>Which requests are traced; none by default.</summary>
    public TraceSampling Tracing { get; init; } = new();

    /// <summary>How long it continues to serve after it is told to stop, until its peers know that it is not ready.</summary>
    public TimeSpan DrainDelay { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>How long requests in flight may take after that.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
