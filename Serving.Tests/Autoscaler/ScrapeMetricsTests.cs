using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Observability.Metrics;
using Serving.Tests.Observability;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

/// <summary>The duration of scrapes. Other tests may scrape meanwhile: the namespace is this test's own.</summary>
public sealed class ScrapeMetricsTests
{
    private const string Count = "kn_autoscaler_scrape_duration_seconds_count";

    private readonly string _namespace = $"scrapes-{Guid.NewGuid():N}";
    private readonly ManualTimeProvider _time = new();
    private readonly Scraper _scraper = new();
    private MetricCollector _collector = null!;
    private PrometheusExporter _exporter = null!;

    [SetUp]
    public void SetUp()
    {
        _collector = new MetricCollector(_scraper, _time, NullLogger.Instance);
        _exporter = new PrometheusExporter(ScrapeMetrics.MeterName);
    }

    [TearDown]
    public void TearDown()
    {
        _collector.Clear();
        _exporter.Dispose();
    }

    [Test]
    public async Task The_series_of_a_Configuration_ends_with_its_last_revision()
    {
        Answer(static () => new Stat { RequestCount = 1 });
        Collect("one", "hello");
        Collect("two", "hello");
        Collect("three", "other");
        await ScrapeAsync();
        Scraped("hello").Should().Be(2);

        _collector.Remove(new ObjectKey(_namespace, "one"));
        Scraped("hello").Should().Be(2, "it has another revision");
        _collector.Remove(new ObjectKey(_namespace, "two"));
        Names().Should().ContainSingle().Which.Should().Contain("\"other\"");

        _collector.Clear();
        Names().Should().BeEmpty("the next term of this process, or of another one, begins anew");
    }

    [Test]
    public async Task A_failed_scrape_is_measured_unless_there_was_nothing_to_scrape()
    {
        Answer(static () => throw new ScrapeException("no stat") { Reason = CollectionFailure.DidNotReceiveStat });
        Collect("one", "failing");
        await ScrapeAsync();
        Answer(static () => throw new ScrapeException("no endpoints") { Reason = CollectionFailure.NoEndpoints });
        Collect("two", "empty");
        await ScrapeAsync();
        Answer(static () => null);
        Collect("three", "idle");
        await ScrapeAsync();

        Scraped("failing").Should().Be(1);
        Names().Should().ContainSingle();
    }

    private void Answer(Func<Stat?> stat) => _scraper.Answer = stat;

    private void Collect(string revision, string configuration) =>
        _collector.Ensure(
            new Metric
            {
                Metadata = new ObjectMeta
                {
                    Namespace = _namespace,
                    Name = revision,
                    Labels = new Dictionary<string, string> { [ServingKeys.Configuration] = configuration },
                },
                Spec = new MetricSpec { ScrapeTarget = revision },
            }
        );

    /// <summary>One scrape of each revision.</summary>
    private async Task ScrapeAsync()
    {
        var running = new HashSet<Task>();
        _collector.StartScrapes(running, CancellationToken.None);
        await Task.WhenAll(running);
    }

    private double Scraped(string configuration) =>
        MetricsText
            .Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true)
            .Sum(Count, ("k8s_namespace_name", _namespace), ("kn_configuration_name", configuration));

    private IEnumerable<string> Names() =>
        MetricsText
            .Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true)
            .Samples.Keys.Where(key =>
                key.StartsWith(Count, StringComparison.Ordinal) && key.Contains(_namespace, StringComparison.Ordinal)
            );

    private sealed class Scraper : IPodScraper
    {
        public Func<Stat?> Answer { get; set; } = static () => null;

        public async Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation)
        {
            await Task.Yield();
            return Answer();
        }
    }
}
