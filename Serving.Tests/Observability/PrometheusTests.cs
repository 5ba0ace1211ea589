using System.Diagnostics.Metrics;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Instruments;
using Serving.Observability.Metrics;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

public sealed class PrometheusTests
{
    [TestCase("kn.serving.invocation.duration", "s", false, false, "kn_serving_invocation_duration_seconds")]
    [TestCase("kn.workqueue.adds", "{addition}", true, false, "kn_workqueue_adds_total")]
    [TestCase("requests.total", null, true, false, "requests_total")]
    [TestCase("process.memory", "By", false, true, "process_memory_bytes")]
    [TestCase("cpu.used", "1", false, true, "cpu_used_ratio")]
    [TestCase("speed", "By/s", false, true, "speed_bytes_per_second")]
    [TestCase("lock..wait-time", null, false, true, "lock_wait_time")]
    [TestCase("9lives", null, false, true, "_9lives")]
    public void Names_follow_the_compatibility_rules(string name, string? unit, bool monotonic, bool gauge, string expected) =>
        PrometheusNames.Metric(name, unit, monotonic, gauge).Should().Be(expected);

    [Test]
    public void Runtime_metrics_that_fall_are_gauges()
    {
        using var exporter = new PrometheusExporter("System.Runtime");

        var lines = exporter.Render().Split('\n');

        lines.Should().Contain("# TYPE dotnet_thread_pool_thread_count gauge").And.Contain("# TYPE dotnet_thread_pool_queue_length gauge");
        lines.Should().Contain("# TYPE dotnet_gc_pause_time_seconds_total counter");
    }

    [Test]
    public void Renders_counters_gauges_and_histograms()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        using var exporter = new PrometheusExporter(source);
        using var meter = new Meter(source);
        var counter = meter.CreateCounter<long>("hits", description: "Hits.");
        var active = meter.CreateUpDownCounter<int>("active");
        var histogram = meter.CreateHistogram("took", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        meter.CreateObservableGauge(
            "seen",
            () => new Measurement<double>(1.5, new KeyValuePair<string, object?>("kn.revision.name", "a\"b"))
        );

        counter.Add(2, new KeyValuePair<string, object?>("code", 200));
        counter.Add(1, new KeyValuePair<string, object?>("code", 200));
        active.Add(3);
        active.Add(-1);
        histogram.Record(0.1);
        histogram.Record(0.5);
        histogram.Record(7);

        exporter
            .Render()
            .Should()
            .Be(
                """
                # TYPE active gauge
                active 2
                # HELP hits_total Hits.
                # TYPE hits_total counter
                hits_total{code="200"} 3
                # TYPE seen gauge
                seen{kn_revision_name="a\"b"} 1.5
                # TYPE took_seconds histogram
                took_seconds_bucket{le="0.1"} 1
                took_seconds_bucket{le="1"} 2
                took_seconds_bucket{le="+Inf"} 3
                took_seconds_sum 7.6
                took_seconds_count 3

                """.ReplaceLineEndings("\n")
            );
    }

    [Test]
    public void A_counter_begins_with_0_where_it_is_declared()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        using var exporter = new PrometheusExporter(source);
        using var meter = new Meter(source);
        var reason = new MetricAttribute("reason", "`a` or `b`");
        var counter = meter.CreateCounter<long>("refused").With(reason).StartingAtZero(reason, "a", "b").StartingAtZero(reason, "b");
        var plain = meter.CreateCounter<long>("plain").StartingAtZero();
        meter.CreateCounter<long>("undeclared");

        var before = exporter.Render();
        counter.Add(2, reason.Of("b"));
        plain.Add(1);
        counter.StartingAtZero(reason, "late");
        var after = exporter.Render();

        before.Split('\n').Should().ContainInOrder("refused_total{reason=\"a\"} 0", "refused_total{reason=\"b\"} 0");
        before.Should().Contain("plain_total 0\n").And.NotContain("undeclared");
        after
            .Split('\n')
            .Should()
            .ContainInOrder("refused_total{reason=\"a\"} 0", "refused_total{reason=\"b\"} 2", "refused_total{reason=\"late\"} 0");
        after.Should().Contain("plain_total 1\n");
    }

    [Test]
    public void What_an_observable_no_longer_reports_goes()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        using var exporter = new PrometheusExporter(source);
        using var meter = new Meter(source);
        var present = true;
        meter.CreateObservableGauge("maybe", () => present ? new[] { new Measurement<int>(1) } : []);

        exporter.Render().Should().Contain("maybe 1");
        present = false;
        exporter.Render().Should().BeEmpty();
    }

    [Test]
    public async Task What_cannot_be_read_is_missing_and_logged_but_the_rest_is_served()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        var logs = new RecordingLogs();
        using var exporter = new PrometheusExporter(new PrometheusOptions { Logger = logs.CreateLogger("Serving.Host") }, source);
        using var meter = new Meter(source);
        var fails = true;
        meter.CreateObservableGauge("files", () => fails ? throw new IOException("too many open files") : 1);
        meter.CreateObservableGauge("partly", Partly);
        meter.CreateObservableGauge("fine", () => 1);
        using var body = new MemoryStream();

        await exporter.HandleAsync(new DefaultHttpContext { Response = { Body = body } });

        Encoding.UTF8.GetString(body.ToArray()).Should().Contain("fine 1\n").And.Contain("partly{i=\"1\"} 1\n").And.NotContain("files");
        logs.Lines.Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("Warning Serving.Host The values of 2 metrics could not be read")
            .And.Contain("too many open files");
        fails = false;
        exporter.Render().Should().Contain("files 1\n");

        static IEnumerable<Measurement<int>> Partly()
        {
            yield return new Measurement<int>(1, new KeyValuePair<string, object?>("i", 1));
            throw new InvalidOperationException("no more");
        }
    }

    [Test]
    public void Sets_of_tags_are_bounded()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        using var exporter = new PrometheusExporter(source);
        using var meter = new Meter(source);
        var counter = meter.CreateCounter<long>("many");
        for (var i = 0; i < 2500; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("i", i));
        }

        var lines = exporter.Render().Split('\n');

        lines.Should().HaveCount(1 + 2001 + 1).And.Contain("many_total{otel_metric_overflow=\"true\"} 500");
    }

    [Test]
    public async Task A_scrape_of_many_series_allocates_a_fraction_of_its_bytes()
    {
        var source = $"Test.{Guid.NewGuid():N}";
        using var exporter = new PrometheusExporter(source);
        using var meter = new Meter(source);
        var histogram = meter.CreateHistogram<double>("took", "s");
        for (var i = 0; i < 1500; i++)
        {
            histogram.Record(i, new KeyValuePair<string, object?>("kn.revision.name", $"a-revision-with-a-name-{i}"));
        }

        var (first, _) = await ScrapeAsync();
        var (second, allocated) = await ScrapeAsync();

        second.Should().Be(first).And.Be(exporter.Render());
        second.Length.Should().BeGreaterThan(1 << 20, "it takes more than one piece");
        allocated.Should().BeLessThan(second.Length / 10);

        async Task<(string Text, long Allocated)> ScrapeAsync()
        {
            using var body = new MemoryStream(8 << 20);
            var context = new DefaultHttpContext { Response = { Body = body } };
            var before = GC.GetAllocatedBytesForCurrentThread();
            await exporter.HandleAsync(context);
            var used = GC.GetAllocatedBytesForCurrentThread() - before;
            context.Response.ContentLength.Should().Be(body.Length);
            return (Encoding.UTF8.GetString(body.ToArray()), used);
        }
    }
}
