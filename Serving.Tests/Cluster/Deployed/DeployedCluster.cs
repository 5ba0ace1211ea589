using System.Text.RegularExpressions;
using FluentAssertions;
using Serving.Api;
using Serving.Host.Local;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Deployed;

/// <summary>
/// A local cluster with the installed Deployments as its control plane: the node runs each of their pods as the real host, with only
/// its service account's permissions.
/// </summary>
internal sealed partial class DeployedCluster : TestCluster
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan TokenLife = TimeSpan.FromDays(1);

    /// <summary>A registry whose tags are not resolved, because it does not exist.</summary>
    private const string Unresolved = "dev.local";

    private readonly HostProcess _server;
    private readonly ServiceBalancer _balancer;
    private readonly ServiceBalancer _httpsBalancer;
    private readonly string _directory;

    private DeployedCluster(HostProcess server, ServiceBalancer balancer, string directory)
        : base(KubeconfigIn(directory), balancer.Address, Unresolved)
    {
        _server = server;
        _balancer = balancer;
        _httpsBalancer = new ServiceBalancer(Client, SystemNamespace, "gateway", "https");
        _directory = directory;
    }

    /// <summary>The output of the API server and the node.</summary>
    public string Output => _server.Output;

    /// <summary>Every host image is the same program here.</summary>
    public override string? UpgradeImage => "ghcr.io/serving/host:v9.9.9";

    public override string ProgramCommand => TestPrograms.Command;

    public override Task<string?> InternalGatewayAsync(bool https = false) => EndpointOfAsync("gateway-internal", https);

    protected override Uri? HttpsGateway => _httpsBalancer.Address;

    /// <summary>Applies the changes of <c>deploy/components/https</c> to a file with one Deployment.</summary>
    public static string WithHttps(string manifest)
    {
        (string From, string To)[] changes =
        [
            ("        - run\n", "        - run\n        - --gateway-https-port=8444\n"),
            (
                "  - name: http2\n    port: 80\n    targetPort: 8081\n",
                "  - name: http2\n    port: 80\n    targetPort: 8081\n  - name: https\n    port: 443\n    targetPort: 8444\n"
            ),
            (
                "  - name: http2\n    port: 80\n    targetPort: 8082\n",
                "  - name: http2\n    port: 80\n    targetPort: 8082\n  - name: https\n    port: 443\n    targetPort: 8445\n"
            ),
        ];
        foreach (var (from, to) in changes)
        {
            manifest.Should().Contain(from);
            manifest = manifest.Replace(from, to, StringComparison.Ordinal);
        }

        return manifest
            + """
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRole
                metadata: {name: gateway-secrets}
                rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRoleBinding
                metadata: {name: gateway-secrets}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gateway-secrets}
                subjects: [{kind: ServiceAccount, name: controller, namespace: knative-serving}]
                """;
    }

    /// <summary>Shortens drain delay and Lease times: failover should be fast, and clients of a local cluster notice a stopping pod at
    /// once, or within seconds when the machine is busy.</summary>
    public static string WithShortDrainAndLeases(string manifest)
    {
        (string From, string To)[] changes =
        [
            ("        - run\n", "        - run\n        - --drain-delay=5\n"),
            ("lease-duration: 15s", "lease-duration: 5s"),
            ("renew-deadline: 10s", "renew-deadline: 3s"),
            ("retry-period: 2s", "retry-period: 1s"),
        ];
        foreach (var (from, to) in changes)
        {
            manifest.Should().Contain(from);
            manifest = manifest.Replace(from, to, StringComparison.Ordinal);
        }

        return manifest;
    }

    /// <summary>Starts the API server and the node, and installs.</summary>
    /// <param name="manifest">A rendered file of <c>deploy/</c>.</param>
    /// <param name="change">Changes its text before it is applied.</param>
    /// <param name="programs">
    /// Which programs stand for images, as the options of <c>--image</c>, by a directory for what they need; those of the build when null.
    /// </param>
    public static async Task<DeployedCluster> StartAsync(
        string manifest,
        Func<string, string> change,
        Func<string, Task<IReadOnlyList<string>>>? programs = null
    )
    {
        var directory = Directory.CreateTempSubdirectory("serving-test-").FullName;
        var port = FreePorts.Next();
        var images = await (programs ?? BuiltProgramsAsync)(directory);
        var server = HostProcess.Start([
            "local",
            "--plain",
            "--roles",
            "apiserver,node",
            "--data-dir",
            directory,
            "--api-port",
            $"{port}",
            .. images.SelectMany(static image => (string[])["--image", image]),
        ]);
        try
        {
            await Eventually.HoldsAsync(
                () => (server.HasExited || server.Output.Contains("node  ", StringComparison.Ordinal)).Should().BeTrue(server.Output),
                Limit
            );
            server.HasExited.Should().BeFalse(server.Output);
            var client = new ClusterClient(ClusterAccess.FromKubeconfig(KubeconfigIn(directory)));
            var cluster = new DeployedCluster(server, new ServiceBalancer(client, SystemNamespace, "gateway"), directory);
            await cluster.ApplyAsync(change(await File.ReadAllTextAsync(RenderedManifest.PathOf(manifest))));
            await cluster.ApplyAsync(
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: config-domain, namespace: knative-serving}, data: {localhost: \"\"}}"
            );
            await cluster.GiveIdentitiesAsync();
            return cluster;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _balancer.DisposeAsync();
        await _httpsBalancer.DisposeAsync();
        await base.DisposeAsync();
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static string KubeconfigIn(string directory) => Path.Combine(directory, "kubeconfig");

    /// <summary>The shell commands that give <c>$account</c> the account of the host's pod, and wait for its kubeconfig as a pod waits for
    /// its token.</summary>
    public static string WaitForIdentity(string directory) =>
        $"""
            case "$POD_NAME" in serving-dataplane-*) account=serving-dataplane ;; *) account=controller ;; esac
            while ! [ -f {directory}/$account.kubeconfig ]; do sleep 0.1; done
            """;

    private static async Task<IReadOnlyList<string>> BuiltProgramsAsync(string directory)
    {
        var program = Path.Combine(directory, "host.sh");
        await File.WriteAllTextAsync(
            program,
            $"""
            {WaitForIdentity(directory)}
            KUBECONFIG={directory}/$account.kubeconfig exec {string.Join(' ', HostProcess.Command)} "$@"

            """
        );
        return [$"ghcr.io/serving/host*=sh {program}", TestPrograms.ImageMapEntry];
    }

    private async Task GiveIdentitiesAsync()
    {
        var administrator = await File.ReadAllTextAsync(Kubeconfig);
        var accounts = await Client.ListAsync(
            Unstructured.Type("", "v1", "serviceaccounts", "ServiceAccount", namespaced: true),
            SystemNamespace,
            null,
            CancellationToken.None
        );
        foreach (
            var account in accounts
                .Items.Select(account => account.Metadata.Name)
                .Where(name => name is "controller" or "serving-dataplane")
        )
        {
            var token = await new ServiceAccountTokens(Client).IssueAsync(SystemNamespace, account, TokenLife, CancellationToken.None);
            var own = TokenLine().Replace(administrator, $"$1 {token}");
            own.Should().NotBe(administrator);
            var file = Path.Combine(_directory, $"{account}.kubeconfig");
            await File.WriteAllTextAsync(file + ".new", own);
            File.Move(file + ".new", file);
        }
    }

    [GeneratedRegex(@"(token:) \S+")]
    private static partial Regex TokenLine();
}
