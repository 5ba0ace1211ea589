namespace Serving.Host.Cluster;

/// <summary>The command line of <c>run</c>.</summary>
/// <param name="Kubeconfig">A kubeconfig file; null for the pod's service account, else the usual places.</param>
/// <param name="Context">A context of it; null for its current one.</param>
/// <param name="Modules">Which modules run.</param>
internal sealed record ClusterOptions(string? Kubeconfig, string? Context, IReadOnlyList<string> Modules);
