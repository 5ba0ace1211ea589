using System.Net;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes;
using Serving.LocalCluster.Node;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// The split install with its Deployments run by the node of a local cluster, each pod the real host; then the control plane in a
/// process outside, which the cluster reaches by an address; then inside again.
/// </summary>
public sealed class DeployedControlPlaneTests
{
    private const string SystemNamespace = "knative-serving";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private string data = null!;
    private HostProcess server = null!;
    private KubernetesClient client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster("this runs the install's Deployments as processes of this machine");
        data = Directory.CreateTempSubdirectory("serving-test-").FullName;
        var kubeconfig = Path.Combine(data, "kubeconfig");
        var port = FreePorts.Of(IPAddress.Loopback, 1)[0];
        server = HostProcess.Start(
            "local", "--plain", "--roles", "apiserver,node", "--data-dir", data, "--api-port", $"{port}",
            "--image", $"ghcr.io/serving/host*=env KUBECONFIG={kubeconfig} dotnet {HostProcess.Assembly}");
        await Eventually.HoldsAsync(() => (server.HasExited || server.Output.Contains("node  ", StringComparison.Ordinal)).Should().BeTrue(server.Output), Limit);
        server.HasExited.Should().BeFalse(server.Output);
        client = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(kubeconfig));

        // Nobody but the test talks to these, so nobody needs time to learn that they stop.
        var manifest = (await File.ReadAllTextAsync(RenderedManifest.PathOf("serving-split.yaml"))).Replace("        - run\n", "        - run\n        - --drain-delay=0\n", StringComparison.Ordinal);
        await ApplyAsync(manifest);
        await ApplyAsync("{apiVersion: v1, kind: ConfigMap, metadata: {name: config-domain, namespace: knative-serving}, data: {localhost: \"\"}}");
        await ScaleAsync("serving", 0);
        await ScaleAsync("serving-dataplane", 1);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        client?.Dispose();
        if (server is not null)
        {
            await server.DisposeAsync();
        }

        if (data is not null)
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Test]
    public async Task A_control_plane_outside_the_cluster_brings_a_Service_to_ready_and_one_inside_takes_over_from_it()
    {
        using var subnet = LoopbackSubnet.Claim();
        var address = subnet.HostAddress(3);
        await using (var outside = HostProcess.Start(
            "run", "--kubeconfig", Path.Combine(data, "kubeconfig"), "--modules", "webhook,autoscaler,gateway-status,controller",
            "--bind", $"{address}", "--webhook-url", $"https://{address}:8443"))
        {
            await ReadyAsync($"http://{address}:8090", outside);
            await DeployAsync("outside");
            (await Target()).TryGetProperty("url", out _).Should().BeTrue();
            await AnswersAsync("outside");
            (await Refusal()).Should().Contain("expected 0 <= -1 <= 1000", "the API server asks the process outside");

            await outside.TerminateAsync();
            (await outside.WaitForExitAsync(TimeSpan.FromSeconds(30))).Should().Be(0, outside.Output);
        }

        await ScaleAsync("serving", 1);
        await AvailableAsync("serving");
        (await Target()).TryGetProperty("service", out _).Should().BeTrue("who runs inside is reached by the Service");
        (await Refusal()).Should().Contain("expected 0 <= -1 <= 1000");
        await DeployAsync("inside");
        await AnswersAsync("inside");
        await AnswersAsync("outside");
    }

    private static async Task ReadyAsync(string address, HostProcess process)
    {
        using var probes = new HttpClient { BaseAddress = new Uri(address) };
        await Eventually.HoldsAsync(
            async () =>
            {
                process.HasExited.Should().BeFalse(process.Output);
                (await probes.GetStringAsync("/readyz")).Should().Be("ok");
            },
            Limit);
        (await probes.GetStringAsync("/livez?verbose")).Should().Be(
            "[+]caches ok\n[+]webhook ok\n[+]statistics ok\n[+]autoscaler ok\n[+]gateway-status ok\n[+]controller ok\nlivez check passed\n");
    }

    private Task ApplyAsync(string yaml) => new ManifestApplier(client, new ResourceDiscovery(client)).ApplyTextAsync("test", yaml, "test", CancellationToken.None);

    private Task DeployAsync(string name) => ApplyAsync($$"""
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: {{name}}, namespace: default}
        spec: {template: {spec: {containers: [{image: dev.local/helloworld, env: [{name: TARGET, value: {{name}}}]}] } } }
        """);

    private async Task<string> Refusal()
    {
        var apply = () => ApplyAsync("""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: invalid, namespace: default}
            spec: {template: {spec: {containerConcurrency: -1, containers: [{image: dev.local/helloworld}] } } }
            """);
        return (await apply.Should().ThrowAsync<KubernetesConfigurationException>()).Which.Message;
    }

    /// <summary>Where the API server finds the webhook that sets defaults.</summary>
    private async Task<JsonElement> Target()
        => (await client.GetAsync(Resources.MutatingWebhookConfigurations, null, "webhook.serving.knative.dev", CancellationToken.None)).Webhooks.Single().GetProperty("clientConfig");

    private async Task AnswersAsync(string name)
    {
        await Eventually.HoldsAsync(
            async () => (await client.GetAsync(Resources.KnativeServices, "default", name, CancellationToken.None)).Status.Conditions
                .Should().Contain(condition => condition.Type == "Ready" && condition.Status == "True"),
            Limit);
        var pods = await client.ListAsync(Resources.Pods, SystemNamespace, new ListOptions("app=serving,serving.knative.dev/module-gateway=true"), CancellationToken.None);
        using var gateway = new HttpClient { BaseAddress = new Uri($"http://{pods.Items.Single().Status!.PodIP}:8081"), Timeout = Limit };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = $"{name}.default.localhost" } };
        using var response = await gateway.SendAsync(request);
        (await response.Content.ReadAsStringAsync()).Should().Be($"Hello {name}!\n");
    }

    private Task AvailableAsync(string deployment) => Eventually.HoldsAsync(
        async () =>
        {
            var current = await client.GetAsync(Resources.Deployments, SystemNamespace, deployment, CancellationToken.None);
            current.Status!.ReadyReplicas.Should().Be(1, server.Output);
        },
        Limit);

    private Task ScaleAsync(string deployment, int replicas)
        => client.PatchAsync(
            Resources.Deployments, SystemNamespace, deployment, new Patch(PatchType.Merge, $$"""{"spec": {"replicas": {{replicas}} } }"""), CancellationToken.None);
}
