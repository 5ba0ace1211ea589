using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Dataplane;
using Serving.Kubernetes;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Failover;

/// <summary>A cold start whose request waits at one replica while another one decides.</summary>
[Category("Slow")]
public sealed class ColdStartAcrossReplicasTests
{
    private const string Revision = "cold-00001";
    private const string Count = "serving_cold_start_duration_seconds_count";
    private const string Phase = "serving_cold_start_phase_duration_seconds_sum";

    [Test]
    public async Task The_replica_that_holds_the_request_hears_from_the_one_that_decides()
    {
        TestCluster.NeedsLocalCluster("this sends its request to a replica that it chooses");
        await using var cluster = await ThreeHosts.StartAsync();
        await new ManifestApplier(cluster.Client, new ResourceDiscovery(cluster.Client)).ApplyTextAsync(
            "test",
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: config-observability, namespace: knative-serving, labels: {app.kubernetes.io/name: knative-serving}}
            data: {metrics-protocol: prometheus}
            """,
            "serving-tests",
            CancellationToken.None
        );
        await cluster.CreateServiceAsync("cold", minScale: "0", initialScale: "0");
        await cluster.ReadyAsync("cold");
        var shard = Shard.IndexOf(new ObjectKey("default", Revision), 2);
        var decider = await cluster.LeaderAsync($"autoscaler.0{shard}-of-02");
        var holder = cluster.Hosts.First(host => host != decider);

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };

        // What happens before a replica exports metrics is in none of them.
        foreach (var host in (ServingHost[])[holder, decider])
        {
            await Eventually.HoldsAsync(async () =>
                (await ScrapedSample.ScrapeAsync(http, await MetricsOfAsync(cluster, host))).Should().NotBeEmpty()
            );
        }

        (await CallActivatorAsync(cluster, holder, http)).Should().Contain("Hello");
        IReadOnlyList<ScrapedSample> samples = [];
        await Eventually.HoldsAsync(async () =>
        {
            samples = await ScrapedSample.ScrapeAsync(http, await MetricsOfAsync(cluster, holder));
            samples.Should().ContainSingle(static one => one.Name == Count && one.Value > 0.5);
        });
        var phases = samples
            .Where(static one => one.Name == Phase)
            .ToDictionary(static one => one.Labels["phase"], static one => one.Value);
        TestContext.Out.WriteLine(string.Join(", ", phases.Select(static one => $"{one.Key} {one.Value:0.000}")));
        phases.Keys.Should().Contain(["decide", "scale_write", "schedule", "ready", "first_byte"]);
        phases["scale_write"].Should().BePositive();

        var ofDecider = await ScrapedSample.ScrapeAsync(http, await MetricsOfAsync(cluster, decider));
        ofDecider.Should().NotContain(static one => one.Name == Count && one.Value > 0.5, "it held no request");
    }

    /// <summary>Sends the request to the activator of a host, as a gateway does. The gateways choose among all of them.</summary>
    private static async Task<string> CallActivatorAsync(ThreeHosts cluster, ServingHost host, HttpClient http)
    {
        var address = await AddressOfAsync(cluster, host);
        EndpointPort? port = null;
        await Eventually.HoldsAsync(async () =>
        {
            var endpoints = await cluster.Client.GetAsync(Resources.Endpoints, "default", Revision, CancellationToken.None);
            port = endpoints.Subsets.FirstOrDefault(one => one.Addresses.Any(ready => ready.Ip == address))?.Ports[0];
            port.Should().NotBeNull("the host is an activator of the Revision");
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{address}:{port!.Port}/");
        request.Headers.Host = "cold.default.localhost";
        request.Headers.Add(DataplaneHeaders.Namespace, "default");
        request.Headers.Add(DataplaneHeaders.Revision, Revision);
        using var response = await http.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<string> MetricsOfAsync(ThreeHosts cluster, ServingHost host) => $"{await AddressOfAsync(cluster, host)}:9090";

    private static async Task<string> AddressOfAsync(ThreeHosts cluster, ServingHost host) =>
        (await cluster.Client.GetAsync(Resources.Pods, "knative-serving", host.Pod, CancellationToken.None)).Status!.PodIP!;
}
