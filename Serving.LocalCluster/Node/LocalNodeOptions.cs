namespace Serving.LocalCluster.Node;

/// <summary>Settings of a <see cref="LocalNode"/>.</summary>
/// <param name="DataDirectory">The directory for logs and volumes of pods, in <c>pods/NAMESPACE_NAME_UID</c>.</param>
/// <param name="Images">Maps images to programs.</param>
/// <param name="Subnet">Allocates the addresses of pods. The caller disposes it after the node has ended.</param>
/// <param name="ApiServer">The address that programs get in <c>KUBERNETES_SERVICE_HOST</c> and <c>_PORT</c>.</param>
public sealed record LocalNodeOptions(string DataDirectory, ImageMap Images, LoopbackSubnet Subnet, Uri ApiServer)
{
    /// <summary>The name of the Node object; pods with this <c>spec.nodeName</c> run here.</summary>
    public string NodeName { get; init; } = "local";

    /// <summary>The maximum number of pods; further pods wait until one ends.</summary>
    public int MaxPods { get; init; } = NodeStatus.MaxPods;

    /// <summary>The time for all pods together to stop when the node is cancelled, regardless of their own grace periods.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The disk limit for the logs of all pods, in bytes; the oldest are deleted first. One container uses at most 40 MiB of
    /// it.</summary>
    public long MaxLogBytes { get; init; } = 1L << 30;

    /// <summary>The CPU of the node, in cores; null for all of the machine.</summary>
    public decimal? Cpu { get; init; }

    /// <summary>The memory of the node, in bytes; null for all of the machine.</summary>
    public long? Memory { get; init; }

    /// <summary>Where cgroups are mounted. Without a usable one the limits of containers are not enforced
    /// (docs/architecture.md, <em>The local cluster</em>).</summary>
    public string Cgroups { get; init; } = "/sys/fs/cgroup";

    /// <summary>The capacity of a resource: cores, bytes, or a count; 0 for an unknown resource.</summary>
    internal decimal CapacityOf(string resource) =>
        resource switch
        {
            "cpu" when Cpu is { } cores => cores,
            "memory" when Memory is { } bytes => bytes,
            "pods" => MaxPods,
            _ => NodeStatus.Capacity(resource),
        };

    /// <summary>Issues the tokens of <c>serviceAccountToken</c> volumes. Null: pods with such a volume do not start and get an
    /// event.</summary>
    public ServiceAccountTokenSource? Tokens { get; init; }
}

/// <summary>Issues a token for a pod.</summary>
public delegate Task<string> ServiceAccountTokenSource(ServiceAccountTokenRequest request, CancellationToken cancellation);

/// <summary>A request for a service account token.</summary>
/// <param name="Namespace">The namespace of the pod and its service account.</param>
/// <param name="ServiceAccount">The service account.</param>
/// <param name="Audience">The audience of the token; empty for the API server.</param>
/// <param name="Lifetime">The lifetime of the token.</param>
/// <param name="PodName">The pod that the token is bound to.</param>
/// <param name="PodUid">Its uid.</param>
public sealed record ServiceAccountTokenRequest(
    string Namespace,
    string ServiceAccount,
    string Audience,
    TimeSpan Lifetime,
    string PodName,
    string PodUid
);
