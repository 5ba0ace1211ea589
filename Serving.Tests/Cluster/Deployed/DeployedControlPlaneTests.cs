using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Node;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Deployed;

/// <summary>
/// The split installation with its Deployments on the node of a local cluster, each pod running the real host; then with the control plane
/// in an outside process that the cluster reaches by an address; then inside again.
/// </summary>
[Category("Slow")]
[Parallelizable]
public sealed class DeployedControlPlaneTests
{
    private const string SystemNamespace = "knative-serving";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private DeployedCluster _cluster = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster(
            "the cluster would have to reach a process of this machine, and the installed control plane is scaled away meanwhile"
        );

        // Only the test uses these, so no drain delay is needed.
        _cluster = await DeployedCluster.StartAsync(
            "serving-split.yaml",
            manifest => manifest.Replace("        - run\n", "        - run\n        - --drain-delay=0\n", StringComparison.Ordinal)
        );
        await ScaleAsync("serving", 0);
        await ScaleAsync("serving-dataplane", 1);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [Test]
    public async Task A_control_plane_outside_the_cluster_brings_a_Service_to_ready_and_one_inside_takes_over_from_it()
    {
        using var subnet = LoopbackSubnet.Claim();
        var address = subnet.HostAddress(3);
        await using (
            var outside = HostProcess.Start(
                "run",
                "--kubeconfig",
                _cluster.Kubeconfig,
                "--modules",
                "webhook,autoscaler,gateway-status,controller",
                "--bind",
                $"{address}",
                "--webhook-url",
                $"https://{address}:8443"
            )
        )
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
            Limit
        );
        (await probes.GetStringAsync("/livez?verbose"))
            .Should()
            .Be(
                "[+]caches ok\n[+]webhook ok\n[+]statistics ok\n[+]autoscaler ok\n[+]gateway-status ok\n[+]controller ok\nlivez check passed\n"
            );
    }

    private Task DeployAsync(string name) =>
        _cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{name}}, namespace: default}
            spec: {template: {spec: {containers: [{image: dev.local/helloworld, env: [{name: TARGET, value: {{name}}}]}] } } }
            """
        );

    private async Task<string> Refusal()
    {
        var apply = () =>
            _cluster.ApplyAsync(
                """
                apiVersion: serving.knative.dev/v1
                kind: Service
                metadata: {name: invalid, namespace: default}
                spec: {template: {spec: {containerConcurrency: -1, containers: [{image: dev.local/helloworld}] } } }
                """
            );
        return (await apply.Should().ThrowAsync<KubernetesConfigurationException>()).Which.Message;
    }

    /// <summary>The client configuration of the defaulting webhook.</summary>
    private async Task<JsonElement> Target() =>
        (
            await _cluster.Client.GetAsync(
                Resources.MutatingWebhookConfigurations,
                null,
                "webhook.serving.knative.dev",
                CancellationToken.None
            )
        )
            .Webhooks.Single()
            .GetProperty("clientConfig");

    private async Task AnswersAsync(string name)
    {
        await Eventually.HoldsAsync(
            async () =>
                (await _cluster.Client.GetAsync(Resources.KnativeServices, "default", name, CancellationToken.None))
                    .Status.Conditions.Should()
                    .Contain(condition => condition.Type == "Ready" && condition.Status == "True"),
            Limit
        );
        var pods = await _cluster.Client.ListAsync(
            Resources.Pods,
            SystemNamespace,
            new ListOptions("app=serving,serving.knative.dev/module-gateway=true"),
            CancellationToken.None
        );
        using var gateway = new HttpClient { BaseAddress = new Uri($"http://{pods.Items.Single().Status!.PodIP}:8081"), Timeout = Limit };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = $"{name}.default.localhost" } };
        using var response = await gateway.SendAsync(request);
        (await response.Content.ReadAsStringAsync()).Should().Be($"Hello {name}!\n");
    }

    private Task AvailableAsync(string deployment) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var current = await _cluster.Client.GetAsync(Resources.Deployments, SystemNamespace, deployment, CancellationToken.None);
                current.Status!.ReadyReplicas.Should().Be(1, _cluster.Output);
            },
            Limit
        );

    private Task ScaleAsync(string deployment, int replicas) =>
        _cluster.Client.PatchAsync(
            Resources.Deployments,
            SystemNamespace,
            deployment,
            new Patch(PatchType.Merge, $$"""{"spec": {"replicas": {{replicas}} } }"""),
            CancellationToken.None
        );
}
