using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>Everything the gateway routes at one moment. Immutable; a change makes a new one, which is swapped in whole.</summary>
/// <param name="External">The hosts that are seen from outside.</param>
/// <param name="ClusterLocal">The hosts that are seen from inside: those of outside too.</param>
/// <param name="Ingresses">What became of each Ingress of our class.</param>
/// <param name="Tls">The certificates of hosts.</param>
internal sealed record RouteTable(
    HostTable External, HostTable ClusterLocal, IReadOnlyDictionary<ObjectKey, AppliedIngress> Ingresses, IReadOnlyList<TlsHost> Tls)
{
    public static RouteTable Empty { get; } = new(HostTable.Empty, HostTable.Empty, new Dictionary<ObjectKey, AppliedIngress>(), []);
}

/// <summary>What became of an Ingress.</summary>
/// <param name="Hash">The version that is routed.</param>
/// <param name="Available">Whether every backend of it has an endpoint.</param>
/// <param name="Conflict">The host that belongs to an older Ingress, for which this one is refused; null when it is routed.</param>
internal readonly record struct AppliedIngress(string Hash, bool Available, string? Conflict);

/// <summary>A host and the Secret with its certificate.</summary>
internal readonly record struct TlsHost(string Host, ObjectKey Secret);
