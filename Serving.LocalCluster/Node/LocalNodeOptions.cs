namespace Serving.LocalCluster.Node;

/// <summary>Settings of a <see cref="LocalNode"/>.</summary>
/// <param name="DataDirectory">Where pods have their logs and volumes: <c>pods/NAMESPACE_NAME_UID</c> in it.</param>
/// <param name="Images">Which program an image is.</param>
/// <param name="Subnet">Where the addresses of pods come from. The caller disposes it after the node has ended.</param>
/// <param name="ApiServer">The address that programs find as <c>KUBERNETES_SERVICE_HOST</c> and <c>_PORT</c>.</param>
public sealed record LocalNodeOptions(string DataDirectory, ImageMap Images, LoopbackSubnet Subnet, Uri ApiServer)
{
    /// <summary>The name of the Node object; pods with this <c>spec.nodeName</c> run here.</summary>
    public string NodeName { get; init; } = "local";

    /// <summary>How many pods the node takes; what comes beyond waits for one of them to end.</summary>
    public int MaxPods { get; init; } = NodeStatus.MaxPods;

    /// <summary>How long all pods together get to stop when the node is cancelled, however long their own grace periods are.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What the logs of all pods may take on disk, in bytes; the oldest are removed first. One container has at most 40 MiB of it.</summary>
    public long MaxLogBytes { get; init; } = 1L << 30;

    /// <summary>Issues the tokens of <c>serviceAccountToken</c> volumes. Null: such a volume keeps its pod from starting, with an event.</summary>
    public ServiceAccountTokenSource? Tokens { get; init; }
}

/// <summary>Issues a token for a pod.</summary>
public delegate Task<string> ServiceAccountTokenSource(ServiceAccountTokenRequest request, CancellationToken cancellation);

/// <summary>What a token is wanted for.</summary>
/// <param name="Namespace">The namespace of the pod and its service account.</param>
/// <param name="ServiceAccount">The service account.</param>
/// <param name="Audience">Who will accept the token; empty for the API server.</param>
/// <param name="Lifetime">How long the token shall live.</param>
/// <param name="PodName">The pod the token is bound to.</param>
/// <param name="PodUid">Its uid.</param>
public sealed record ServiceAccountTokenRequest(string Namespace, string ServiceAccount, string Audience, TimeSpan Lifetime, string PodName, string PodUid);
