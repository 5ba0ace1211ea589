using System.Diagnostics;
using System.Net;
using Docker.DotNet;
using Docker.DotNet.Models;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Client;
using Serving.Tests.Cluster;
using Serving.Tests.Cluster.Deployed;
using Serving.Tests.Support;
using Resources = Serving.Api.Resources;

namespace Serving.Tests.Containers;

/// <summary>The install on a local API server, with every container of its pods in the engine: the host, and the sidecar and the sample of
/// a Service.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class ServingInContainersTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);

    private readonly ContainerPrograms _programs = new();
    private readonly Stopwatch _watch = new();
    private TestCluster _cluster = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _watch.Start();
        _cluster = await DeployedCluster.StartAsync("serving-minimal.yaml", DeployedCluster.WithShortDrainAndLeases, _programs.WriteAsync);

        // Refused until the webhook in the host responds.
        await Eventually.HoldsAsync(
            () =>
                _cluster.ApplyAsync(
                    """
                    apiVersion: serving.knative.dev/v1
                    kind: Service
                    metadata: {name: hello, namespace: default}
                    spec: {template: {spec: {containers: [{image: dev.local/helloworld, env: [{name: TARGET, value: containers}]}] } } }
                    """
                ),
            Limit
        );
        await _cluster.WaitForReadyAsync("default", "hello", Limit);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();

        // One whose client was killed runs on.
        foreach (var left in await ContainersAsync(""))
        {
            try
            {
                await ContainerEngine.Client.Containers.RemoveContainerAsync(left.ID, new ContainerRemoveParameters { Force = true });
            }
            catch (DockerApiException ended) when (ended.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
            {
                // It ended meanwhile, and the engine removes it.
            }
        }
    }

    [Test]
    public async Task A_host_a_sidecar_and_a_sample_each_in_a_container_without_rights_serve_a_request()
    {
        var (status, body) = await _cluster.GetAsync("hello.default.localhost");
        var elapsed = _watch.Elapsed;

        (status, body).Should().Be((HttpStatusCode.OK, "Hello containers!\n"));
        foreach (var image in (string[])["host", "queue-proxy", "helloworld"])
        {
            var container = (await ContainersAsync(image)).Should().ContainSingle(image).Which;
            container.Image.Should().Be(ContainerEngine.ImageName(image));
            await Restrictions.ShouldHoldAsync(container.ID);
            await ImageContainer.ReportAsync(image, container.ID, "request served", elapsed);
        }
    }

    [Test]
    public async Task The_host_responds_to_its_probes_ends_with_0_when_it_is_told_to_and_serves_again_when_it_was_started_again()
    {
        var pod = (
            await _cluster.Client.ListAsync(
                Resources.Pods,
                TestCluster.SystemNamespace,
                new ListOptions("app=serving"),
                CancellationToken.None
            )
        ).Items.Single();
        using var probes = new HttpClient { BaseAddress = new Uri($"http://{pod.Status!.PodIP}:8090"), Timeout = Limit };
        (await probes.GetStringAsync("/livez")).Should().Be("ok");
        await Eventually.HoldsAsync(async () => (await probes.GetStringAsync("/readyz")).Should().Be("ok"), Limit);

        var container = (await ContainersAsync("host")).Single();
        var ended = ContainerEngine.Client.Containers.WaitContainerAsync(container.ID);
        var drain = Stopwatch.StartNew();
        await ContainerEngine.Client.Containers.KillContainerAsync(container.ID, new ContainerKillParameters { Signal = "SIGTERM" });

        (await ended.WaitAsync(Limit)).StatusCode.Should().Be(0);
        await TestContext.Progress.WriteLineAsync($"host: ended {drain.Elapsed.TotalMilliseconds:0} ms after SIGTERM");
        await Eventually.HoldsAsync(
            async () => (await ContainersAsync("host")).Should().ContainSingle().Which.ID.Should().NotBe(container.ID),
            Limit
        );
        await Eventually.HoldsAsync(
            async () => (await _cluster.GetAsync("hello.default.localhost")).Status.Should().Be(HttpStatusCode.OK),
            Limit
        );
    }

    /// <summary>The running containers of the cluster's pods, those of one image or all.</summary>
    private async Task<IReadOnlyList<ContainerListResponse>> ContainersAsync(string image)
    {
        var all = await ContainerEngine.Client.Containers.ListContainersAsync(
            new ContainersListParameters
            {
                All = image.Length == 0,
                Filters = new Dictionary<string, IDictionary<string, bool>>
                {
                    ["label"] = new Dictionary<string, bool> { [_programs.Label] = true },
                },
            }
        );
        return [.. all.Where(container => image.Length == 0 || container.Image.Contains($"/{image}:", StringComparison.Ordinal))];
    }
}
