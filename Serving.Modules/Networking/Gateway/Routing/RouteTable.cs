using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A snapshot of all routes. Immutable; a change builds a new table, which replaces the old one as a whole.</summary>
/// <param name="External">The hosts of the external listeners.</param>
/// <param name="ClusterLocal">The hosts of the cluster-local listeners, which include the external ones.</param>
/// <param name="Ingresses">The state of each Ingress of the class.</param>
/// <param name="Tls">The certificates of hosts.</param>
internal sealed record RouteTable(
    HostTable External,
    HostTable ClusterLocal,
    IReadOnlyDictionary<ObjectKey, AppliedIngress> Ingresses,
    IReadOnlyList<TlsHost> Tls
)
{
    public static RouteTable Empty { get; } = new(HostTable.Empty, HostTable.Empty, new Dictionary<ObjectKey, AppliedIngress>(), []);
}

/// <summary>The state of an Ingress.</summary>
/// <param name="Hash">The version that is routed.</param>
/// <param name="Available">Whether each of its backends has an endpoint.</param>
/// <param name="Conflict">The host that belongs to an older Ingress, so that this one is rejected; null when it is routed.</param>
internal readonly record struct AppliedIngress(string Hash, bool Available, string? Conflict);

/// <summary>A host and the Secret that contains its certificate.</summary>
internal readonly record struct TlsHost(string Host, ObjectKey Secret);
