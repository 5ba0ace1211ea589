using System.Globalization;
using Serving.Benchmarks.Processes;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;

namespace Serving.Benchmarks.Services;

/// <summary>
/// A local cluster in four processes: an API server, a node with Kubernetes' own controllers, and two control planes, of which the first
/// leads every module. So the cost of a control plane is measured without that of the API server.
/// </summary>
internal sealed class LocalHosts : IAsyncDisposable
{
    private const string Setup = """
        apiVersion: v1
        kind: Namespace
        metadata:
          name: knative-serving
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: config-autoscaler
          namespace: knative-serving
          labels: {app.kubernetes.io/name: knative-serving, app.kubernetes.io/component: autoscaler}
        data:
          allow-zero-initial-scale: "true"
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("serving-services-").FullName;
    private readonly string _host;
    private readonly string _controlPlane;
    private readonly List<LocalProcess> _processes = [];

    private LocalHosts(string host, string controlPlane) => (_host, _controlPlane) = (host, controlPlane);

    /// <summary>The API as the cluster's administrator.</summary>
    public ClusterClient Client { get; private set; } = null!;

    /// <summary>The control plane that leads.</summary>
    public LocalProcess Leader { get; private set; } = null!;

    /// <summary>The other control plane.</summary>
    public LocalProcess Standby { get; private set; } = null!;

    /// <summary>The API server.</summary>
    public LocalProcess ApiServer { get; private set; } = null!;

    /// <summary>The node, with Kubernetes' own controllers.</summary>
    public LocalProcess Node { get; private set; } = null!;

    /// <summary>The audit log of the API server.</summary>
    public string AuditLog => Path.Combine(_directory, "audit.log");

    /// <summary>Starts everything; the leader is ready before the standby starts.</summary>
    /// <param name="host">The path of Serving.Host.dll, for the API server and the node.</param>
    /// <param name="controlPlane">The program of the control planes: the published host, or Serving.Host.dll.</param>
    public static async Task<LocalHosts> StartAsync(string host, string controlPlane)
    {
        var hosts = new LocalHosts(host, controlPlane);
        try
        {
            await hosts.StartAllAsync();
            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
        {
            await process.DisposeAsync();
        }

        Client?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task StartAllAsync()
    {
        ApiServer = Start(_host, "apiserver", "--data-dir", _directory, "--api-port", FreePort(), "--audit-log", AuditLog);
        await ApiServer.SaysAsync("API server ");
        Client = new ClusterClient(ClusterAccess.FromKubeconfig(Path.Combine(_directory, "kubeconfig")));
        Node = Start(_host, "node", "--data-dir", _directory);
        await new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync(
            "setup",
            Setup,
            "serving-benchmarks",
            CancellationToken.None
        );
        Leader = await StartControlPlaneAsync("leader");
        Standby = await StartControlPlaneAsync("standby");
    }

    private async Task<LocalProcess> StartControlPlaneAsync(string name)
    {
        var own = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
        foreach (var file in (string[])["kubeconfig", "installer.kubeconfig"])
        {
            File.Copy(Path.Combine(_directory, file), Path.Combine(own, file));
        }

        var process = Start(_controlPlane, "controlplane", "--data-dir", own, "--gateway-port", FreePort());
        await process.SaysAsync("control plane  ready");
        return process;
    }

    private LocalProcess Start(string program, string role, params string[] arguments)
    {
        var process = HostLauncher.StartLocal(program, ["--roles", role, .. arguments]);
        _processes.Add(process);
        return process;
    }

    private static string FreePort() => FreePorts.Next().ToString(CultureInfo.InvariantCulture);
}
