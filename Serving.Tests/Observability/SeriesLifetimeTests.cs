using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using FluentAssertions;
using NUnit.Framework;
using Serving.Instruments;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

[NonParallelizable]
public sealed class SeriesLifetimeTests
{
    private const int Revisions = 3000;

    private readonly string _source = $"Test.{Guid.NewGuid():N}";
    private readonly ConcurrentDictionary<(string, string), bool> _existing = new();
    private readonly ManualTimeProvider _time = new();
    private Meter _meter = null!;
    private Histogram<double> _durations = null!;
    private Counter<long> _retries = null!;
    private PrometheusExporter _exporter = null!;

    [SetUp]
    public void SetUp()
    {
        _existing.Clear();
        _exporter = new PrometheusExporter(new PrometheusOptions { Time = _time }, _source);
        _meter = new Meter(new MeterOptions(_source) { Scope = new RevisionSeries((ns, name) => _existing.ContainsKey((ns, name))) });
        _durations = _meter.CreateHistogram<double>("took", "s", "Took.");
        _retries = _meter.CreateCounter<long>("retries", description: "Retries.");
    }

    [TearDown]
    public void TearDown()
    {
        _meter.Dispose();
        _exporter.Dispose();
    }

    [Test]
    public void A_deleted_revision_is_exported_once_more_and_then_no_more()
    {
        Use("a");
        Use("b");
        Scrape().Sum("took_seconds_count", ("kn_revision_name", "a")).Should().Be(1);
        Use("a");
        Delete("a");

        Scrape().Sum("took_seconds_count", ("kn_revision_name", "a")).Should().Be(2, "its last requests are in no scrape yet");
        var after = Scrape();

        after.Samples.Keys.Should().NotContain(key => key.Contains("\"a\"", StringComparison.Ordinal));
        after.Sum("took_seconds_count", ("kn_revision_name", "b")).Should().Be(1);
        after.Sum("retries_total", ("kn_revision_name", "b")).Should().Be(1);
    }

    [Test]
    public void A_request_that_ends_after_its_revision_is_exported_once()
    {
        Use("a");
        Delete("a");
        Scrape();
        Scrape().Samples.Should().BeEmpty();

        Record("a");

        Scrape().Sum("took_seconds_count").Should().Be(1);
        Scrape().Samples.Should().BeEmpty();
    }

    [Test]
    public void Series_without_a_revision_stay()
    {
        _retries.Add(1, new KeyValuePair<string, object?>("reason", "lost"));

        Scrape();

        Scrape().Sum("retries_total", ("reason", "lost")).Should().Be(1);
    }

    [Test]
    public void Three_thousand_revisions_that_come_and_go_leave_no_series_and_no_memory()
    {
        Use("before");
        CheckScrape(1);
        List<WeakReference> names = [.. Enumerable.Range(0, Revisions).Select(UseNew)];
        CheckScrape(Revisions + 1);
        Alive(names).Should().BeGreaterThan(1000, "otherwise this measures nothing");
        for (var i = 0; i < Revisions; i++)
            Delete(NameOf(i));

        CheckNothingLeft();

        // The name of a revision is in the tags of each of its series.
        Alive(names).Should().BeLessThan(10);
    }

    private static string NameOf(int revision) => $"rev-{revision:D5}";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference UseNew(int revision)
    {
        var name = NameOf(revision);
        Use(name);
        return new WeakReference(name);
    }

    private static int Alive(List<WeakReference> objects)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return objects.Count(static one => one.IsAlive);
    }

    // Methods of their own, so that what they read is no longer referenced when memory is measured.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CheckScrape(int requests) =>
        Scrape().Sum("took_seconds_count").Should().Be(requests, "what is above the bound is aggregated");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CheckNothingLeft() =>
        Scrape()
            .Samples.Keys.Should()
            .OnlyContain(key =>
                key.Contains("\"before\"", StringComparison.Ordinal) || key.Contains("otel_metric_overflow", StringComparison.Ordinal)
            );

    [Test]
    public void Revisions_that_come_and_go_between_two_scrapes_do_not_use_up_the_bound()
    {
        for (var i = 0; i < Revisions; i++)
        {
            Use($"rev-{i:D5}");
            Delete($"rev-{i:D5}");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Use("after");

        Scrape().Sum("took_seconds_count", ("kn_revision_name", "after")).Should().Be(1);
        Scrape().Samples.Keys.Should().NotContain(key => key.Contains("overflow", StringComparison.Ordinal));
    }

    [Test]
    public void An_observable_instrument_may_replace_all_its_series_at_once()
    {
        const int Observed = 5000;
        var first = 0;
        _meter.CreateObservableGauge(
            "pods",
            () => Enumerable.Range(first, Observed).Select(i => new Measurement<int>(1, new KeyValuePair<string, object?>("i", i))),
            description: "Pods."
        );
        Scrape().Sum("pods").Should().Be(Observed);
        first = 100_000;

        var after = Scrape();

        after.Sum("pods").Should().Be(Observed);
        after
            .Samples.Keys.Should()
            .NotContain(key => key.Contains("overflow", StringComparison.Ordinal))
            .And.OnlyContain(key => key.StartsWith("pods{i=\"10", StringComparison.Ordinal));
    }

    [Test]
    public void Five_thousand_revisions_have_their_own_series_in_a_host()
    {
        const int Many = 5000;
        var logs = new RecordingLogs();
        using var exporter = new PrometheusExporter(
            new PrometheusOptions { MaxSeries = 20_000, Logger = logs.CreateLogger("Serving.Host") },
            _source
        );
        var series = Enumerable.Range(0, Many).Select(static i => Tags(NameOf(i))).ToArray();
        _meter.CreateObservableGauge("stable", () => series.Select(static tags => new Measurement<int>(1, tags)), description: "Stable.");
        var last = _meter.CreateGauge<int>("last", description: "Last.");
        for (var i = 0; i < Many; i++)
        {
            Use(NameOf(i));
            last.Record(1, series[i]);
        }

        var text = MetricsText.Read(exporter.Render(TextFormat.OpenMetrics), openMetrics: true);

        foreach (var name in new[] { "took_seconds_count", "retries_total", "stable", "last" })
            text.Sum(name, ("kn_revision_name", NameOf(Many - 1))).Should().Be(1, name);
        text.Samples.Keys.Should().NotContain(key => key.Contains("overflow", StringComparison.Ordinal));
        logs.Lines.Should().BeEmpty();
    }

    [Test]
    public void What_is_above_the_bound_is_reported_once_and_a_gauge_drops_it()
    {
        var logs = new RecordingLogs();
        using var exporter = new PrometheusExporter(
            new PrometheusOptions { MaxSeries = 2, Logger = logs.CreateLogger("Serving.Host") },
            _source,
            DroppedLines.MeterName
        );
        var gauge = _meter.CreateGauge<int>($"gauge.{_source}", description: "Gauge.");
        var counter = _meter.CreateCounter<int>($"counter.{_source}", description: "Counter.");
        for (var i = 0; i < 5; i++)
        {
            _existing[("ns", NameOf(i))] = true;
            gauge.Record(i, Tags(NameOf(i)));
            counter.Add(i, Tags(NameOf(i)));
        }

        var text = MetricsText.Read(exporter.Render(TextFormat.OpenMetrics), openMetrics: true);

        text.Sum(PrometheusNames.Metric(gauge.Name, null, false, true)).Should().Be(0 + 1);
        text.Samples.Keys.Should()
            .ContainSingle(key => key.Contains("otel_metric_overflow", StringComparison.Ordinal))
            .Which.Should()
            .StartWith("counter");
        text.Sum(PrometheusNames.Metric(counter.Name, null, true, false)).Should().Be(0 + 1 + 2 + 3 + 4);
        text.Sum("serving_metrics_overflowed_total", ("instrument", gauge.Name)).Should().Be(3);
        text.Sum("serving_metrics_overflowed_total", ("instrument", counter.Name)).Should().Be(3);
        logs.Lines.Should().HaveCount(2).And.OnlyContain(static line => line.StartsWith("Warning Serving.Host Metric "));
    }

    [Test]
    public void Recording_with_known_tags_allocates_nothing()
    {
        Use("a");
        var tags = Tags("a");
        var value = (object)200;
        for (var i = 0; i < 100; i++)
            Many();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Many();

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Many()
        {
            for (var i = 0; i < 100; i++)
            {
                _durations.Record(
                    0.5,
                    tags[0],
                    tags[1],
                    new("kn.service.name", "s"),
                    new("http.response.status_code", value),
                    new("network.protocol.version", "1.1")
                );
                _retries.Add(1, tags);
            }
        }
    }

    private static KeyValuePair<string, object?>[] Tags(string revision) =>
        [RevisionNames.Namespace.Of("ns"), RevisionNames.Revision.Of(revision)];

    private void Use(string revision)
    {
        _existing[("ns", revision)] = true;
        Record(revision);
        _retries.Add(1, Tags(revision));
    }

    private void Record(string revision) => _durations.Record(0.5, Tags(revision));

    private void Delete(string revision) => _existing.TryRemove(("ns", revision), out _);

    private MetricsText Scrape() => MetricsText.Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true);
}
