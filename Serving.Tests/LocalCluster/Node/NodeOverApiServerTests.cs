using System.Net;
using System.Text.Json;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.LocalCluster.ApiServer;
using Serving.LocalCluster.Node;
using Serving.Tests.Support;
using LocalApiServer = Serving.LocalCluster.ApiServer.ApiServer;

namespace Serving.Tests.LocalCluster.Node;

[Parallelizable]
public sealed class NodeOverApiServerTests
{
    [Test]
    public async Task A_pod_lives_and_is_deleted_over_the_real_API()
    {
        var limit = TimeSpan.FromSeconds(30);
        var data = Directory.CreateTempSubdirectory("node-api-test-").FullName;
        var loggers = NullLoggerFactory.Instance;
        using var stop = new CancellationTokenSource();
        using var subnet = LoopbackSubnet.Claim();
        await using var server = await LocalApiServer.StartAsync(
            new ApiServerOptions(data, IPAddress.Loopback, 0),
            loggers,
            TimeProvider.System,
            CancellationToken.None
        );
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(server.KubeconfigPath));
        var informers = new SharedInformers(client, loggers);
        var events = new EventRecorder("kubelet", NullLogger.Instance);
        var node = new LocalNode(
            new LocalNodeOptions(data, new ImageMap("sh=/bin/sh"), subnet, server.Address),
            events,
            loggers,
            TimeProvider.System
        );
        var running = Task.WhenAll(
            informers.RunAsync(stop.Token),
            events.RunAsync(client, stop.Token),
            node.RunAsync(client, informers, stop.Token)
        );

        var pod = JsonSerializer.Deserialize(
            """
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},
             "spec":{"containers":[{"name":"main","image":"sh","args":["-c","trap 'echo bye; exit 0' TERM; touch ready; while :; do sleep 0.05; done"],
              "readinessProbe":{"exec":{"command":["test","-f","ready"]}}}]}}
            """,
            ApiJson.Default.Pod
        )!;
        await Eventually.HoldsAsync(() => client.CreateAsync(Resources.Pods, pod, CancellationToken.None), limit);

        await Eventually.HoldsAsync(
            async () =>
                (await client.GetAsync(Resources.Pods, "default", "p", CancellationToken.None))
                    .Status!.Conditions.Single(c => c.Type == "Ready")
                    .Status.Should()
                    .Be("True"),
            limit
        );
        var found = await client.GetAsync(Resources.Pods, "default", "p", CancellationToken.None);
        found.Spec!.NodeName.Should().Be("local");
        found.Status!.Phase.Should().Be("Running");
        found.Status.PodIP.Should().StartWith(subnet.Prefix + ".");
        (await client.GetAsync(Resources.Nodes, null, "local", CancellationToken.None))
            .Metadata.Labels.Should()
            .ContainKey("kubernetes.io/hostname");

        await client.DeleteAsync(Resources.Pods, "default", "p", CancellationToken.None);

        await Eventually.HoldsAsync(
            async () => (await client.ListAsync(Resources.Pods, "default", null, CancellationToken.None)).Items.Should().BeEmpty(),
            limit
        );
        await stop.CancelAsync();
        await running.WaitAsync(limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        running.IsCompleted.Should().BeTrue();
        Directory.EnumerateDirectories(Path.Combine(data, "pods")).Should().BeEmpty();
    }
}
