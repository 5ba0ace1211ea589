using System.Collections.Immutable;
using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A snapshot of all routes. Immutable; a change builds a new table, which shares what did not change and replaces the old one as
/// a whole.</summary>
/// <param name="External">The hosts of the external listeners.</param>
/// <param name="ClusterLocal">The hosts of the cluster-local listeners, which include the external ones.</param>
/// <param name="Ingresses">The state of each Ingress of the class.</param>
/// <param name="Tls">The certificates of hosts; the same list until one of them changes.</param>
internal sealed record RouteTable(
    HostTable External,
    HostTable ClusterLocal,
    ImmutableDictionary<ObjectKey, AppliedIngress> Ingresses,
    IReadOnlyList<TlsHost> Tls
)
{
    public static RouteTable Empty { get; } =
        new(HostTable.Empty, HostTable.Empty, ImmutableDictionary<ObjectKey, AppliedIngress>.Empty, []);
}
