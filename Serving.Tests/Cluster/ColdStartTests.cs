using System.Net;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Docs;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>The metrics of a real process: a cold start in all its phases, and no label that docs/metrics.md does not list.</summary>
[Category("Slow")]
public sealed partial class ColdStartTests() : LocalClusterFixture("this starts the only Service of the cluster")
{
    private const string Manifest = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: cold, namespace: default}
        spec:
          template:
            metadata: {annotations: {autoscaling.knative.dev/initial-scale: "0"}}
            spec: {containers: [{image: IMAGE}]}
        """;

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    [Test]
    public async Task A_cold_start_is_taken_apart_and_every_label_is_documented()
    {
        await using var cluster = await LocalClusterHarness.StartAsync(Data);
        var port = FreePorts.Next();
        await cluster.ConfigureAsync("config-autoscaler", ("allow-zero-initial-scale", "true"));
        await cluster.ConfigureAsync("config-observability", ("metrics-protocol", "prometheus"), ("metrics-endpoint", $"127.0.0.1:{port}"));
        await cluster.ApplyAsync(Manifest.Replace("IMAGE", cluster.HelloImage, StringComparison.Ordinal));
        await cluster.WaitForReadyAsync("default", "cold");
        (await cluster.Client.ListAsync(Resources.Pods, "default", null, CancellationToken.None)).Items.Should().BeEmpty();
        await Eventually.HoldsAsync(async () => (await ScrapeAsync(port)).Should().NotBeEmpty());

        var (status, body) = await cluster.GetAsync($"cold.default.{await cluster.DomainAsync()}");
        status.Should().Be(HttpStatusCode.OK, body);

        const string Total = "serving_cold_start_duration_seconds";
        const string Phase = "serving_cold_start_phase_duration_seconds";
        IReadOnlyList<ScrapedSample> samples = [];
        await Eventually.HoldsAsync(async () =>
        {
            samples = await ScrapeAsync(port);
            samples.Should().ContainSingle(static one => one.Name == Total + "_count" && one.Value > 0.5);
        });
        var seconds = samples.Single(static one => one.Name == Total + "_sum").Value;
        var phases = samples
            .Where(static one => one.Name == Phase + "_sum")
            .ToDictionary(static one => one.Labels["phase"], static one => one.Value);
        TestContext.Out.WriteLine($"{seconds:0.000} s: {string.Join(", ", phases.Select(static one => $"{one.Key} {one.Value:0.000}"))}");
        phases.Keys.Should().BeEquivalentTo("decide", "scale_write", "schedule", "image_pull", "container_start", "ready", "first_byte");
        phases.Values.Should().OnlyContain(value => value >= 0 && value < seconds);
        phases.Values.Sum().Should().BeApproximately(seconds, 0.001);
        phases["first_byte"].Should().BePositive();
        samples.Where(static one => one.Name == Phase + "_count").Should().OnlyContain(static one => one.Value < 1.5);

        var own = samples.Single(static one => one.Name == "serving_revision_cold_starts_total");
        own.Labels.Should()
            .Contain("k8s_namespace_name", "default")
            .And.Contain("kn_revision_name", "cold-00001")
            .And.Contain("kn_service_name", "cold")
            .And.Contain("kn_configuration_name", "cold");
        own.Value.Should().Be(1);

        Undocumented(samples).Should().BeEmpty();
        samples.Select(static one => one.Name).Should().Contain(["dotnet_process_cpu_time_seconds_total", "process_uptime_seconds"]);

        await cluster.Client.DeleteAsync(Resources.KnativeServices, "default", "cold", CancellationToken.None);
        await Eventually.HoldsAsync(async () =>
            (await ScrapeAsync(port))
                .Should()
                .NotContain(static one => one.Labels.GetValueOrDefault("kn_revision_name", "") == "cold-00001")
        );
    }

    /// <summary>The labels and names that the document does not list.</summary>
    private static IEnumerable<string> Undocumented(IReadOnlyList<ScrapedSample> samples)
    {
        var document = File.ReadAllText(MetricsDoc.Path);
        foreach (
            var family in samples
                .Where(static one => !one.Name.StartsWith("dotnet_", StringComparison.Ordinal))
                .GroupBy(static one => one.Name)
        )
        {
            // Not an instrument, and described in words: the resource.
            if (family.Key == "target_info" && document.Contains("`target_info`", StringComparison.Ordinal))
                continue;
            var labels = MetricsDoc.LabelsOf(document, family.Key) ?? MetricsDoc.LabelsOf(document, Suffix().Replace(family.Key, ""));
            if (labels is null)
                yield return family.Key;
            foreach (var label in family.SelectMany(static one => one.Labels.Keys).Distinct().Where(label => label != "le"))
            {
                if (labels?.Contains(label) == false)
                    yield return $"{family.Key}: {label}";
            }
        }
    }

    private Task<IReadOnlyList<ScrapedSample>> ScrapeAsync(int port) => ScrapedSample.ScrapeAsync(_http, $"127.0.0.1:{port}");

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();
}
