using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Telemetry;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A compiled Ingress: its routes by host and visibility. Immutable.</summary>
internal sealed class IngressFragment
{
    public required string Hash { get; init; }

    /// <summary>The generation it was compiled from.</summary>
    public required long? Generation { get; init; }

    /// <summary>Routes of externally visible hosts.</summary>
    public required IReadOnlyDictionary<string, HostRoutes> External { get; init; }

    /// <summary>Routes of all hosts.</summary>
    public required IReadOnlyDictionary<string, HostRoutes> ClusterLocal { get; init; }

    public required IReadOnlyList<TlsHost> Tls { get; init; }

    /// <summary>Whether every backend that gets traffic has an endpoint now.</summary>
    public bool Available =>
        ClusterLocal
            .Values.SelectMany(static routes => routes.All)
            .SelectMany(static route => route.Splits)
            .All(static split => split.Backend.Available);

    /// <summary>Every backend it refers to, with or without traffic, once for each reference.</summary>
    public required IReadOnlyList<Backend> Backends { get; init; }

    /// <summary>The counters of its traffic, once for each reference.</summary>
    public required IReadOnlyList<TrafficKey> Counted { get; init; }
}
