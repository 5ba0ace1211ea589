using System.Net;

namespace Serving.Kubernetes.Hosting;

/// <summary>The process's environment in the cluster.</summary>
/// <param name="SystemNamespace">The namespace of the control plane (<c>SYSTEM_NAMESPACE</c>), by default <c>knative-serving</c>.</param>
/// <param name="ClusterDomain">The DNS domain of the cluster (<c>CLUSTER_DOMAIN</c>, else resolv.conf's search list), by default
/// <c>cluster.local</c>.</param>
/// <param name="PodName">The name of this pod (<c>POD_NAME</c>); also its identity in leases.</param>
/// <param name="PodIP">The address of this pod (<c>POD_IP</c>), published for its servers.</param>
public sealed record ClusterEnvironment(string SystemNamespace, string ClusterDomain, string PodName, IPAddress PodIP)
{
    /// <summary>The address that servers listen on: all addresses in a pod with its own network, so that port-forwards and every IP family
    /// of a Service reach them; otherwise <see cref="PodIP"/>.</summary>
    public IPAddress ListenAddress { get; init; } = PodIP;
}
