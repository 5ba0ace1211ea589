using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Host;
using Serving.Host.DefaultDomains;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Deploy;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Host.DefaultDomains;

/// <summary>The step as the account of <c>deploy/default-domain.yaml</c>, against an API server that enforces its roles.</summary>
[Category("Slow")]
[Parallelizable]
internal sealed class DefaultDomainRightsTests
{
    private const string Core = "/api/v1/namespaces/knative-serving";
    private static readonly CancellationToken None = CancellationToken.None;

    [TestCase("serving.yaml", "203.0.113.7.sslip.io")]
    [TestCase("serving-nodeport.yaml", "10.0.0.1.sslip.io")]
    [TestCase("serving-hostport.yaml", "10.0.0.1.sslip.io")]
    public async Task Its_roles_suffice_for_each_type_of_Service(string file, string domain)
    {
        await using var server = await InstallAsync(file);
        using var client = await ClientAsync(server, "default-domain");
        var progress = new List<string>();

        (await Writer(client, progress).RunAsync(None)).Should().Be(domain);

        var (_, map) = await server.GetAsync($"{Core}/configmaps/config-domain");
        ((string?)map["data"]![domain]).Should().BeEmpty();
        progress.Should().ContainSingle("nothing was refused or missing");

        // The URL of a Route needs no port, unless it is a node port.
        progress[0].Contains(":30080", StringComparison.Ordinal).Should().Be(file == "serving-nodeport.yaml");
    }

    [Test]
    public async Task Where_the_file_sets_a_domain_it_stays()
    {
        await using var server = await InstallAsync("serving-kind.yaml");
        using var client = await ClientAsync(server, "default-domain");

        (await Writer(client, []).RunAsync(None)).Should().Be("127.0.0.1.sslip.io");
    }

    [Test]
    public async Task It_may_write_no_other_ConfigMap_and_another_account_is_refused_with_the_object_named()
    {
        await using var server = await InstallAsync("serving.yaml");
        using var client = await ClientAsync(server, "default-domain");
        Accepted(
            await server.PostAsync(
                $"{Core}/serviceaccounts",
                """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"stranger"}}"""
            )
        );
        using var stranger = await ClientAsync(server, "stranger");

        var other = () =>
            client.PatchAsync(Resources.ConfigMaps, "knative-serving", "config-network", new Patch(PatchType.Merge, "{}"), None);
        (await other.Should().ThrowAsync<KubernetesException>()).Which.Code.Should().Be(HttpStatusCode.Forbidden);
        var refused = await FluentActions.Awaiting(() => Writer(stranger, []).RunAsync(None)).Should().ThrowAsync<UserErrorException>();
        refused.Which.Message.Should().Contain("config-domain").And.Contain("Forbidden");
    }

    [Test]
    public async Task The_command_writes_it_with_a_kubeconfig()
    {
        await using var server = await InstallAsync("serving-hostport.yaml");
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(
            CommandLine.Create(),
            ["default-domain", "--kubeconfig", server.Server.KubeconfigPath, "--magic-dns", "nip.io", "--timeout", "60"],
            error
        );

        code.Should().Be(ExitCode.Ok, error.ToString());
        var (_, map) = await server.GetAsync($"{Core}/configmaps/config-domain");
        ((string?)map["data"]!["10.0.0.1.nip.io"]).Should().BeEmpty();
    }

    [Test]
    public async Task The_command_fails_with_one_line_that_names_the_Service_and_what_is_missing()
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        await ApplyAsync(client, "serving.yaml");
        var error = new StringWriter();

        var code = await CommandLine.InvokeAsync(
            CommandLine.Create(),
            ["default-domain", "--kubeconfig", server.Server.KubeconfigPath, "--service", "istio-system/ingress", "--timeout", "1"],
            error
        );

        code.Should().Be(ExitCode.Failed);
        error
            .ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("error: Service istio-system/ingress does not exist")
            .And.Contain("Gave up after 1 s");
    }

    /// <summary>An install with one ready pod of the gateway, as controllers and a kubelet would make it.</summary>
    private static async Task<RunningServer> InstallAsync(string file)
    {
        var server = await RunningServer.StartAsync();
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        await ApplyAsync(client, file, "default-domain.yaml");
        var node = GatewayObjects.Node("node-a", "InternalIP=10.0.0.1").ToJsonString();
        Accepted(await server.PostAsync("/api/v1/nodes", node));
        Accepted(await StatusAsync(server, "/api/v1/nodes/node-a", node));

        var template = RenderedManifest
            .Read(file)
            .Single(item => item is { Kind: "Deployment", Metadata.Name: "serving" })
            .Get("spec", "template")!
            .Value;
        var pod = JsonNode.Parse(template.GetRawText())!.AsObject();
        pod["apiVersion"] = "v1";
        pod["kind"] = "Pod";
        pod["metadata"]!["name"] = "serving-a";
        pod["metadata"]!["namespace"] = "knative-serving";
        pod["spec"]!["nodeName"] = "node-a";
        Accepted(await server.PostAsync($"{Core}/pods", pod.ToJsonString()));
        Accepted(await StatusAsync(server, $"{Core}/pods/serving-a", """{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"""));
        Accepted(
            await StatusAsync(server, $"{Core}/services/gateway", """{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.7"}]}}}""")
        );
        return server;
    }

    private static async Task ApplyAsync(ClusterClient client, params string[] files)
    {
        var applier = new ManifestApplier(client, new ResourceDiscovery(client));
        foreach (var file in files)
        {
            await applier.ApplyPathsAsync([RenderedManifest.PathOf(file)], "test", None);
        }
    }

    private static Task<(int Code, JsonObject Body)> StatusAsync(RunningServer server, string path, string body) =>
        server.SendAsync(HttpMethod.Patch, $"{path}/status", body, "application/merge-patch+json");

    private static void Accepted((int Code, JsonObject Body) response) =>
        response.Code.Should().BeLessThan(300, response.Body.ToJsonString());

    private static async Task<ClusterClient> ClientAsync(RunningServer server, string account) =>
        new(
            ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath) with
            {
                Credential = new FixedCredential(await server.TokenAsync("knative-serving", account)),
            }
        );

    private static DefaultDomainWriter Writer(ClusterClient client, List<string> progress) =>
        new(
            client,
            new GatewayAddressFinder(
                client,
                "knative-serving",
                "gateway",
                static (host, _) => throw new InvalidOperationException($"no host name was expected: {host}")
            ),
            new DefaultDomainOptions("knative-serving") { Timeout = TimeSpan.FromSeconds(60), PollInterval = TimeSpan.FromSeconds(1) },
            progress.Add,
            TimeProvider.System
        );
}
