using System.Net;

namespace Serving.LocalCluster.ApiServer;

/// <summary>Settings of the API server.</summary>
/// <param name="DataDirectory">The directory for certificates, <c>kubeconfig</c> and <c>state.db</c>; created if it does not exist. The
/// node's logs are read from <c>pods/</c> in it.</param>
/// <param name="Address">The address to listen on: a loopback address.</param>
/// <param name="Port">The port to listen on; 0 for a free one.</param>
public sealed record ApiServerOptions(string DataDirectory, IPAddress Address, int Port)
{
    /// <summary>The audit log, which gets every write as an audit.k8s.io/v1 Event; null for none.</summary>
    public string? AuditLog { get; init; }

    /// <summary>Whether pods have the subresource <c>resize</c>, as from Kubernetes 1.33 on. Without it discovery does not list it, and
    /// requests to it get a 404, as on an older cluster.</summary>
    public bool ServesPodResize { get; init; } = true;

    /// <summary>Additional checks of <c>/readyz</c>, evaluated at each request; null to check only the server.</summary>
    public Func<CancellationToken, Task<IReadOnlyList<ReadinessCheck>>>? Readiness { get; init; }
}
