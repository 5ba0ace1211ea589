using System.Net;
using System.Net.Security;
using Serving.Api.Config;
using Serving.Dataplane;

namespace Serving.Activator;

/// <summary>Where the activator listens and how patient it is.</summary>
/// <param name="Address">How it is found among the Endpoints of a revision.</param>
public sealed record ActivatorOptions(IPAddress Address)
{
    /// <summary>The address its servers listen on; by default that at which it is found.</summary>
    public IPAddress ListenAddress { get; init; } = Address;

    /// <summary>The port Services lead HTTP/1.1 to; it speaks h2c too.</summary>
    public int HttpPort { get; init; } = 8012;

    /// <summary>The port Services lead h2c to; it speaks HTTP/1.1 too.</summary>
    public int H2cPort { get; init; } = 8013;

    /// <summary>The TLS port; used when <see cref="Certificates"/> is set.</summary>
    public int HttpsPort { get; init; } = 8112;

    /// <summary>The certificate for a server name, a null result refuses the client; null for no TLS.</summary>
    public Func<string?, SslStreamCertificateContext?>? Certificates { get; init; }

    /// <summary>How the pods of a namespace are verified when they are reached by TLS; null, or a null result, for clear text.</summary>
    public Func<string, UpstreamTls?>? PodTls { get; init; }

    /// <summary>The port of pods that speaks TLS.</summary>
    public int PodTlsPort { get; init; } = 8112;

    /// <summary>Connections served at once over all ports; one more is closed.</summary>
    public int MaxConnections { get; init; } = ConnectionBound.OfMemory;

    /// <summary>Bytes the head of a request may have: what a gateway takes and room for what it adds.</summary>
    public int MaxRequestHeadBytes { get; init; } = 320 * 1024;

    /// <summary>Requests that may wait for one revision; more are answered with 503.</summary>
    public int QueueDepth { get; init; } = 10_000;

    /// <summary>The newest config-network, which says whether a mesh is in the way to pods.</summary>
    public Func<NetworkConfig> Network { get; init; } = static () => NetworkConfig.Default;

    /// <summary>How long, after it is told to stop, it keeps serving so that others learn that it is not ready.</summary>
    public TimeSpan DrainDelay { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>How long requests in flight may then take to end.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
