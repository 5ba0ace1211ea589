using System.Net;

namespace Serving.LocalCluster.ApiServer;

/// <summary>Where the API server lives.</summary>
/// <param name="DataDirectory">Its directory: certificates, <c>kubeconfig</c>, <c>state.db</c>; made when it is missing. The node's logs are read from <c>pods/</c> in it.</param>
/// <param name="Address">The address to listen on: a loopback address.</param>
/// <param name="Port">The port to listen on; 0 takes a free one.</param>
public sealed record ApiServerOptions(string DataDirectory, IPAddress Address, int Port)
{
    /// <summary>A file to note every write in, as audit.k8s.io/v1 Events; null for none.</summary>
    public string? AuditLog { get; init; }

    /// <summary>What else must hold for <c>/readyz</c> to say ok, asked at each request; null for nothing: then it speaks of the server alone.</summary>
    public Func<CancellationToken, Task<IReadOnlyList<ReadinessCheck>>>? Readiness { get; init; }
}
