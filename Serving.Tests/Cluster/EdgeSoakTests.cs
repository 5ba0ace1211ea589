using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>A short soak test of the gateway: a real host with the heap of the smallest installation, hostile clients and good
/// traffic.</summary>
[TestFixture]
[CancelAfter(400_000)]
[Category("Slow")]
[Parallelizable]
public sealed class EdgeSoakTests
{
    private const int HeapMebibytes = 384;

    [Test]
    public async Task Hostile_clients_neither_end_the_process_nor_fail_a_good_request()
    {
        var manifest = Path.Combine(Directory.CreateTempSubdirectory("serving-soak-").FullName, "soak.yaml");
        await File.WriteAllTextAsync(manifest, SoakManifest.Yaml);
        await using var cluster = await LocalClusterHarness.StartWithAsync(
            new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = $"0x{HeapMebibytes * 1048576L:x}" },
            null,
            "--apply",
            manifest
        );
        foreach (var host in (string[])[SoakManifest.Good, SoakManifest.Busy])
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://127.0.0.1:{cluster.GatewayPort}/"));
                    request.Headers.Host = host;
                    using var response = await cluster.Gateway.SendAsync(request);
                    response.StatusCode.Should().Be(HttpStatusCode.OK);
                },
                TimeSpan.FromSeconds(120)
            );
        }

        var gateway = new IPEndPoint(IPAddress.Loopback, cluster.GatewayPort);
        var report = await new SoakRun(
            gateway,
            SoakManifest.Good,
            kinds => new HostileTask(gateway, SoakManifest.Good, SoakManifest.Busy, kinds),
            cluster.Host.Id
        ).RunAsync(rate: 50, alone: TimeSpan.FromSeconds(1), beside: TimeSpan.FromSeconds(8), besideAll: TimeSpan.FromSeconds(14));

        cluster.Host.HasExited.Should().BeFalse(cluster.Host.Output);
        report.Failed.Should().Be(0, string.Join('\n', report.Failures));
        report.Phases.Sum(static phase => phase.HostileConnections).Should().BeGreaterThan(80);
        report.ResidentMebibytes.Max().Should().BeLessThan(HeapMebibytes + 400, "what is not heap is code and stacks");
        File.Delete(manifest);
    }
}
