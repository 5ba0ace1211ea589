namespace Serving.Dataplane.Inspection;

/// <summary>Where this gateway routes a host and a path now.</summary>
/// <param name="Host">The host, without port and trailing dot.</param>
/// <param name="Path">The path.</param>
/// <param name="External">The route on the external listeners; null when the host is unknown there.</param>
/// <param name="ClusterLocal">The route on the cluster-local listeners; null when the host is unknown there.</param>
/// <param name="Rejected">Ingresses that are not routed because an older one has one of their hosts, if it is this one.</param>
public sealed record RouteExplanation(
    string Host,
    string Path,
    ListenerExplanation? External,
    ListenerExplanation? ClusterLocal,
    IReadOnlyList<string> Rejected
);
