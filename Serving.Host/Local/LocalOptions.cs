using Serving.StatusPages.Sources;

namespace Serving.Host.Local;

/// <summary>The command line of <c>local</c>.</summary>
/// <param name="DataDirectory">State, kubeconfig and logs.</param>
/// <param name="ApiPort">Port of the API server on 127.0.0.1.</param>
/// <param name="GatewayPort">Port of the gateway on 127.0.0.1.</param>
/// <param name="Manifests">Files to apply once ready.</param>
/// <param name="Images">The user's image map, as GLOB=COMMAND.</param>
/// <param name="Roles">The parts that run in this process.</param>
/// <param name="Plain">Plain lines instead of the live view.</param>
internal sealed record LocalOptions(
    string DataDirectory,
    int ApiPort,
    int GatewayPort,
    IReadOnlyList<string> Manifests,
    IReadOnlyList<string> Images,
    IReadOnlyList<string> Roles,
    bool Plain
)
{
    /// <summary>The API server's audit log file; null for none.</summary>
    public string? AuditLog { get; init; }

    /// <summary>The limit on disk of all pods' logs together, in bytes.</summary>
    public long PodLogBytes { get; init; } = 1L << 30;

    /// <summary>Whether the control plane serves its status pages.</summary>
    public bool StatusPages { get; init; } = true;

    /// <summary>The settings as they were read, for display.</summary>
    public IReadOnlyList<ProcessSetting> Settings { get; init; } = [];

    /// <summary>The API server.</summary>
    public const string ApiServer = "apiserver";

    /// <summary>The node and the cluster's own controllers.</summary>
    public const string Node = "node";

    /// <summary>The modules of Serving.</summary>
    public const string ControlPlane = "controlplane";

    /// <summary>Every part.</summary>
    public static IReadOnlyList<string> AllRoles { get; } = [ApiServer, Node, ControlPlane];

    /// <summary>Whether <paramref name="role"/> runs in this process.</summary>
    public bool Has(string role) => Roles.Contains(role);
}
