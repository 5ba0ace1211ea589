using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.LocalCluster.Node;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

public sealed class ScrapeTargetsTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster = new();
    private string _directory = null!;

    private string Path => System.IO.Path.Combine(_directory, ScrapeTargets.FileName);

    [SetUp]
    public void SetUp() => _directory = Directory.CreateTempSubdirectory("serving-test-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void A_target_is_a_port_of_a_pod_with_the_labels_of_Prometheus_own_discovery()
    {
        var targets = Read(
            ScrapeTargets.Of([Pod("hello", "127.9.9.10", "Running"), Pod("waits", "", "Pending"), Pod("ended", "127.9.9.11", "Failed")])
        );

        targets.Should().HaveCount(2);
        targets[1]!["targets"]!.AsArray().Single()!.ToString().Should().Be("127.9.9.10:9091");
        targets[1]!["labels"]!
            .AsObject()
            .ToDictionary(static label => label.Key, static label => label.Value!.ToString())
            .Should()
            .Equal(
                new Dictionary<string, string>
                {
                    ["__meta_kubernetes_namespace"] = "shop",
                    ["__meta_kubernetes_pod_name"] = "hello",
                    ["__meta_kubernetes_pod_ip"] = "127.9.9.10",
                    ["__meta_kubernetes_pod_phase"] = "Running",
                    ["__meta_kubernetes_pod_container_name"] = "queue-proxy",
                    ["__meta_kubernetes_pod_container_port_name"] = "http-usermetric",
                    ["__meta_kubernetes_pod_label_serving_knative_dev_revision"] = "hello-00001",
                }
            );
    }

    [Test]
    public async Task The_file_follows_the_pods_and_is_empty_when_the_node_stops()
    {
        using var stop = new CancellationTokenSource();
        var running = new ScrapeTargets(_cluster, _directory, NullLoggerFactory.Instance, _time).RunAsync(stop.Token);
        Read(await File.ReadAllTextAsync(Path)).Should().BeEmpty();

        _cluster.Put(Resources.Pods, Pod("hello", "127.9.9.10", "Running"));
        await _time.PassAsync(TimeSpan.FromSeconds(5), () => Read(File.ReadAllText(Path)).Count == 2);
        Read(await File.ReadAllTextAsync(Path)).Should().HaveCount(2);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(Path).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await stop.CancelAsync();
        await running;

        Read(await File.ReadAllTextAsync(Path)).Should().BeEmpty();
    }

    private static JsonArray Read(string text) => JsonNode.Parse(text)!.AsArray();

    private static Pod Pod(string name, string address, string phase) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Metadata = new ObjectMeta
            {
                Namespace = "shop",
                Name = name,
                Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = $"{name}-00001" },
            },
            Spec = new PodSpec
            {
                Containers =
                [
                    new Container
                    {
                        Name = "queue-proxy",
                        Ports =
                        [
                            new ContainerPort { Name = "queue-port", Number = 8012 },
                            new ContainerPort { Name = "http-usermetric", Number = 9091 },
                        ],
                    },
                ],
            },
            Status = new PodStatus { Phase = phase, PodIP = address },
        };
}
