using System.Net;

namespace Serving.Kubernetes.Hosting;

/// <summary>What this process knows of its place in the cluster.</summary>
/// <param name="SystemNamespace">The namespace of the control plane (<c>SYSTEM_NAMESPACE</c>), by default <c>knative-serving</c>.</param>
/// <param name="ClusterDomain">The DNS domain of the cluster (<c>CLUSTER_DOMAIN</c>, else resolv.conf's search list), by default
/// <c>cluster.local</c>.</param>
/// <param name="PodName">The pod this process is (<c>POD_NAME</c>); also its identity in leases.</param>
/// <param name="PodIP">The address of that pod (<c>POD_IP</c>), at which others find its servers.</param>
public sealed record ClusterEnvironment(string SystemNamespace, string ClusterDomain, string PodName, IPAddress PodIP)
{
    /// <summary>Where servers listen: any address in a pod of its own network, so that port-forwards and every family of a Service reach
    /// them; else <see cref="PodIP"/>.</summary>
    public IPAddress ListenAddress { get; init; } = PodIP;
}
