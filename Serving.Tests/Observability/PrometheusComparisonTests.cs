using System.Diagnostics.Metrics;
using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;
using OpenTelemetry.Metrics;
using Serving.Observability.Metrics;

namespace Serving.Tests.Observability;

/// <summary>
/// Our text beside that of OpenTelemetry's exporter for the same instruments. The second test is why ours stays (docs/adr/0008); when it
/// fails after an update of the package, decide again.
/// </summary>
public sealed class PrometheusComparisonTests
{
    private const string OpenMetrics = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    private readonly string _source = $"Serving.Test.{Guid.NewGuid():N}";
    private Meter _meter = null!;
    private PrometheusExporter _ours = null!;
    private WebApplication _theirs = null!;
    private HttpClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _ours = new PrometheusExporter(_source);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(_source).AddPrometheusExporter());
        _theirs = builder.Build();
        _theirs.MapPrometheusScrapingEndpoint();
        await _theirs.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(_theirs.Urls.Single()) };

        _meter = new Meter(_source);
        _meter.CreateCounter<long>("kn.workqueue.adds", "{addition}", "Adds.").Add(2, new KeyValuePair<string, object?>("code", 200));
        _meter.CreateUpDownCounter<int>("active", description: "Active.").Add(3);
        var histogram = _meter.CreateHistogram(
            "kn.serving.invocation.duration",
            "s",
            "Took.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] }
        );
        histogram.Record(0.5);
        histogram.Record(7);
        _meter.CreateObservableGauge("mem.used", static () => 10L, "By", "Memory.");
        _meter.CreateObservableGauge("cpu.used", static () => 0.25, "1", "CPU.");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _client.Dispose();
        _meter.Dispose();
        _ours.Dispose();
        await _theirs.DisposeAsync();
    }

    [Test]
    public async Task Names_types_texts_and_numbers_are_those_of_the_exporter()
    {
        var expected = Lines(await ScrapeAsync(null))
            .Select(WithoutScope)
            .Where(static line =>
                !line.Contains("target_info", StringComparison.Ordinal) && !line.Contains("cpu_used", StringComparison.Ordinal)
            );

        Lines(_ours.Render()).Where(static line => !line.Contains("cpu_used", StringComparison.Ordinal)).Should().BeEquivalentTo(expected);
    }

    [Test]
    public async Task The_exporter_says_otherwise_to_Prometheus_than_to_others_and_drops_the_unit_of_a_ratio()
    {
        var plain = await ScrapeAsync(null);
        var asked = await ScrapeAsync(OpenMetrics);

        _ours.Render().Should().Contain("cpu_used_ratio 0.25").And.Contain("le=\"1\"");
        plain.Should().Contain("cpu_used{").And.NotContain("cpu_used_ratio");
        plain.Should().Contain("le=\"1\"").And.NotContain("_created");
        asked.Should().Contain("le=\"1.0\"").And.Contain("kn_workqueue_adds_created");
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private string WithoutScope(string line) =>
        line.Replace($"otel_scope_name=\"{_source}\",", "", StringComparison.Ordinal)
            .Replace($"{{otel_scope_name=\"{_source}\"}}", "", StringComparison.Ordinal);

    private async Task<string> ScrapeAsync(string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await _client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }
}
