using System.Net;
using FluentAssertions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Failover;

/// <summary>Three hosts, a node and an API server, each in a separate process. The cluster's configuration has short Leases.</summary>
internal sealed class ThreeHosts : IAsyncDisposable
{
    /// <summary>The lease duration.</summary>
    public static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(3);

    /// <summary>The renew deadline: how long after a renewal a holder writes.</summary>
    public static readonly TimeSpan RenewDeadline = TimeSpan.FromSeconds(2);

    private const string Namespace = "knative-serving";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly string _directory = Directory.CreateTempSubdirectory("serving-failover-").FullName;
    private readonly int _apiPort = FreePorts.Next();
    private HostProcess? _api;
    private HostProcess? _node;

    private ThreeHosts() => Audit = new AuditTrail(Path.Combine(_directory, "audit.log"));

    /// <summary>The API as the cluster's administrator.</summary>
    public ClusterClient Client { get; private set; } = null!;

    /// <summary>The hosts.</summary>
    public IReadOnlyList<ServingHost> Hosts { get; private set; } = [];

    /// <summary>The data directory of the API server and the node.</summary>
    public string DataDirectory => _directory;

    /// <summary>The audit log of the API server.</summary>
    public AuditTrail Audit { get; }

    /// <summary>The processes of a Service's pods: programs and sidecars.</summary>
    public IReadOnlyList<int> PodProcesses(string service) =>
        [
            .. _node!
                .Descendants()
                .Where(id =>
                    EnvironmentOf(id).Any(variable => variable == $"K_SERVICE={service}" || variable == $"SERVING_SERVICE={service}")
                ),
        ];

    /// <summary>Starts everything, the hosts one after the other.</summary>
    public static async Task<ThreeHosts> StartAsync()
    {
        var cluster = new ThreeHosts();
        try
        {
            await cluster.StartAllAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the API server, or restarts it on its stored state.</summary>
    public async Task StartApiAsync()
    {
        _api = HostProcess.Start(
            "local",
            "--plain",
            "--roles",
            "apiserver",
            "--data-dir",
            _directory,
            "--api-port",
            $"{_apiPort}",
            "--audit-log",
            Path.Combine(_directory, "audit.log")
        );
        await Eventually.HoldsAsync(() => _api.Output.Should().Contain("API server"), StartLimit);
    }

    /// <summary>Stops the API server.</summary>
    public async Task StopApiAsync()
    {
        await _api!.DisposeAsync();
        _api = null;
    }

    /// <summary>The holder of a Lease, empty for none.</summary>
    public async Task<string> HolderAsync(string lease) =>
        (await Client.GetAsync(Resources.Leases, Namespace, lease, CancellationToken.None)).Spec?.HolderIdentity ?? "";

    /// <summary>The host that leads a module.</summary>
    public async Task<ServingHost> LeaderAsync(string lease)
    {
        ServingHost? leader = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var holder = await HolderAsync(lease);
                leader = Hosts.FirstOrDefault(host => host.Runs && holder.StartsWith(host.Pod + "_", StringComparison.Ordinal));
                leader.Should().NotBeNull($"somebody leads {lease}, not {holder}");
            },
            LeaseDuration * 10
        );
        return leader!;
    }

    /// <summary>Creates a Service whose only pod starts at once; rejections are retried for a while, as a user would.</summary>
    public Task CreateServiceAsync(string name, string minScale = "1", string initialScale = "1") =>
        Eventually.HoldsAsync(
            () =>
                new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync(
                    "test",
                    $$"""
                    apiVersion: serving.knative.dev/v1
                    kind: Service
                    metadata: {name: {{name}}, namespace: default}
                    spec:
                      template:
                        metadata:
                          annotations:
                            autoscaling.knative.dev/min-scale: "{{minScale}}"
                            autoscaling.knative.dev/max-scale: "1"
                            autoscaling.knative.dev/initial-scale: "{{initialScale}}"
                        spec: {containers: [{image: ghcr.io/serving-samples/helloworld}]}
                    """,
                    "serving-tests",
                    CancellationToken.None
                ),
            TimeSpan.FromSeconds(20)
        );

    /// <summary>Sends a request to a Service through a host's gateway; returns the response.</summary>
    public static async Task<string> CallAsync(string name, ServingHost through)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{through.GatewayPort}"), Timeout = StartLimit };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = $"{name}.default.localhost" } };
        using var response = await http.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    /// <summary>Waits until a Service is ready, or another of its conditions holds.</summary>
    public Task ReadyAsync(string name, string condition = "Ready") =>
        Eventually.HoldsAsync(
            async () =>
            {
                var service = await Client.GetAsync(Resources.KnativeServices, "default", name, CancellationToken.None);
                service
                    .Status.Conditions.FirstOrDefault(found => found.Type == condition)
                    .Should()
                    .Match<Condition>(found => found.Status == "True");
            },
            TimeSpan.FromSeconds(60)
        );

    public async ValueTask DisposeAsync()
    {
        foreach (var host in Hosts.Reverse())
        {
            await host.DisposeAsync();
        }

        foreach (var process in new[] { _node, _api }.OfType<HostProcess>())
        {
            await process.DisposeAsync();
        }

        Client?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static string[] EnvironmentOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/environ").Split('\0');
        }
        catch (IOException)
        {
            // It ended meanwhile.
            return [];
        }
    }

    private async Task StartAllAsync()
    {
        await StartApiAsync();
        Client = new ClusterClient(ClusterAccess.FromKubeconfig(Path.Combine(_directory, "kubeconfig")));
        _node = HostProcess.Start("local", "--plain", "--roles", "node", "--data-dir", _directory);

        // Existing objects are kept.
        await new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync(
            "test",
            $$"""
            apiVersion: v1
            kind: Namespace
            metadata:
              name: {{Namespace}}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: config-leader-election
              namespace: {{Namespace}}
              labels: {app.kubernetes.io/name: knative-serving, app.kubernetes.io/component: controller}
            data:
              lease-duration: {{LeaseDuration.TotalSeconds}}s
              renew-deadline: {{RenewDeadline.TotalSeconds}}s
              retry-period: 500ms
              buckets: "2"
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: config-autoscaler
              namespace: {{Namespace}}
              labels: {app.kubernetes.io/name: knative-serving, app.kubernetes.io/component: autoscaler}
            data:
              allow-zero-initial-scale: "true"
            """,
            "serving-tests",
            CancellationToken.None
        );
        var ports = FreePorts.Of(IPAddress.Loopback, 3);
        Hosts = [.. ports.Select((port, i) => Host(i, port))];
        foreach (var host in Hosts)
        {
            await host.StartAsync();
        }
    }

    private ServingHost Host(int number, int gatewayPort)
    {
        var own = Directory.CreateDirectory(Path.Combine(_directory, $"host-{number}")).FullName;
        var proxy = new TcpProxy(_apiPort);
        foreach (var name in (string[])["kubeconfig", "installer.kubeconfig"])
        {
            var kubeconfig = File.ReadAllText(Path.Combine(_directory, name));
            File.WriteAllText(
                Path.Combine(own, name),
                kubeconfig.Replace($"127.0.0.1:{_apiPort}", $"127.0.0.1:{proxy.Port}", StringComparison.Ordinal)
            );
        }

        return new ServingHost(own, gatewayPort, proxy);
    }
}
