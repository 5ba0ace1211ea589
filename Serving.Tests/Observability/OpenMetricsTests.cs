using System.Diagnostics;
using System.Diagnostics.Metrics;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Observability.Metrics;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

public sealed class OpenMetricsTests
{
    private const string Prometheus =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    private readonly string _source = $"Test.{Guid.NewGuid():N}";
    private readonly ManualTimeProvider _time = new();
    private Meter _meter = null!;
    private PrometheusExporter _exporter = null!;

    [SetUp]
    public void SetUp()
    {
        _exporter = new PrometheusExporter(new PrometheusOptions { Time = _time }, _source)
        {
            Target = new Dictionary<string, string> { ["service.name"] = "hello", ["kn.revision.name"] = "hello-00001" },
        };
        _meter = new Meter(_source);
    }

    [TearDown]
    public void TearDown()
    {
        _meter.Dispose();
        _exporter.Dispose();
    }

    [Test]
    public void Units_suffixes_and_the_end_are_those_of_the_specification()
    {
        RecordAll();

        var text = _exporter.Render(TextFormat.OpenMetrics);

        text.Should()
            .Be(
                """
                # HELP active Active "now".
                # TYPE active gauge
                active 2
                # HELP cpu_seconds CPU.
                # TYPE cpu_seconds counter
                # UNIT cpu_seconds seconds
                cpu_seconds_total{core="0"} 1.5
                # HELP hits Hits.
                # TYPE hits counter
                hits_total 3
                # HELP took_seconds Took.
                # TYPE took_seconds histogram
                # UNIT took_seconds seconds
                took_seconds_bucket{code="a\"b\\c\nd",le="0.1"} 1
                took_seconds_bucket{code="a\"b\\c\nd",le="1.0"} 2
                took_seconds_bucket{code="a\"b\\c\nd",le="+Inf"} 3
                took_seconds_sum{code="a\"b\\c\nd"} 7.6
                took_seconds_count{code="a\"b\\c\nd"} 3
                # HELP target Target metadata
                # TYPE target info
                target_info{kn_revision_name="hello-00001",service_name="hello"} 1
                # EOF

                """.ReplaceLineEndings("\n").Replace("Active \"now\".", "Active \\\"now\\\".", StringComparison.Ordinal)
            );
        MetricsText.Read(text, openMetrics: true).Families.Should().HaveCount(5);
    }

    [Test]
    public void Both_formats_have_the_same_values_and_are_valid()
    {
        RecordAll();

        var open = MetricsText.Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true);
        var plain = MetricsText.Read(_exporter.Render(), openMetrics: false);

        Normalized(open).Should().Equal(Normalized(plain));

        static IEnumerable<string> Normalized(MetricsText text) =>
            text
                .Samples.Select(static sample => $"{sample.Key.Replace("le=\"1.0\"", "le=\"1\"", StringComparison.Ordinal)} {sample.Value}")
                .Order(StringComparer.Ordinal);
    }

    [Test]
    public void A_recording_in_a_sampled_span_is_the_exemplar_of_its_bucket_or_counter_and_the_newest_stays()
    {
        var histogram = _meter.CreateHistogram("took", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        var counter = _meter.CreateCounter<long>("hits");
        var active = _meter.CreateUpDownCounter<int>("active");
        histogram.Record(0.05);
        InSpan(sampled: false, () => histogram.Record(0.06));
        var first = InSpan(sampled: true, () => histogram.Record(0.5));
        _time.Advance(TimeSpan.FromSeconds(90.5));
        var second = InSpan(
            sampled: true,
            () =>
            {
                histogram.Record(0.7);
                histogram.Record(5);
                counter.Add(2);
                active.Add(1);
            }
        );

        var read = MetricsText.Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true);

        read.Exemplars.Should().OnlyContain(exemplar => exemplar.Time == _time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        read.Exemplars.Select(static exemplar => (exemplar.Sample, exemplar.Value, exemplar.Labels["trace_id"], exemplar.Labels["span_id"]))
            .Should()
            .BeEquivalentTo([
                ("hits_total", 2.0, second.Trace, second.Span),
                ("took_seconds_bucket{le=\"1.0\"}", 0.7, second.Trace, second.Span),
                ("took_seconds_bucket{le=\"+Inf\"}", 5.0, second.Trace, second.Span),
            ]);
        first.Trace.Should().NotBe(second.Trace);
        _exporter.Render().Should().NotContain("trace_id", "the text format has no exemplars");
    }

    [TestCase(Prometheus, true)]
    [TestCase("application/openmetrics-text", true)]
    [TestCase("application/openmetrics-text; version=1.0.0; charset=utf-8", true)]
    [TestCase("text/plain;q=0.5, application/openmetrics-text;q=0.6", true)]
    [TestCase("application/openmetrics-text;q=0.9,*/*;q=0.1", true)]
    [TestCase("application/openmetrics-text, */*", true)]
    [TestCase("text/plain, application/openmetrics-text", true)]
    [TestCase("application/openmetrics-text;q=0, */*", false)]
    [TestCase("text/*;q=0.9, text/plain;q=0.2, application/openmetrics-text;q=0.5", true, Description = "the most specific range decides")]
    [TestCase("text/plain;q=0.6, application/openmetrics-text;q=0.5", false)]
    [TestCase("application/openmetrics-text;version=0.0.1", false)]
    [TestCase("application/openmetrics-text;q=0", false)]
    [TestCase("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", false)]
    [TestCase("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false)]
    [TestCase("*/*", false)]
    [TestCase("application/json", false)]
    [TestCase("", false)]
    [TestCase(",;=", false)]
    public async Task The_format_is_the_one_that_the_scraper_prefers(string accept, bool openMetrics)
    {
        _meter.CreateCounter<long>("hits").Add(1);
        var context = new DefaultHttpContext { Request = { Method = "GET" }, Response = { Body = new MemoryStream() } };
        if (accept.Length > 0)
            context.Request.Headers.Accept = accept;

        await _exporter.HandleAsync(context);

        context
            .Response.ContentType.Should()
            .Be(openMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8");
        context.Response.Headers.Vary.ToString().Should().Be("Accept");
        var body = System.Text.Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray());
        context.Response.ContentLength.Should().Be(body.Length);
        MetricsText.Read(body, openMetrics).Sum("hits_total").Should().Be(1);
    }

    [Test]
    public async Task Promtool_accepts_the_text()
    {
        if (PathOf("promtool") is not { } promtool)
        {
            Assert.Ignore("promtool is not on the PATH");
            return;
        }

        RecordAll();
        var start = new ProcessStartInfo(promtool, ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(_exporter.Render());
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        process.ExitCode.Should().Be(0, output);
    }

    private static string? PathOf(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);

    private static (string Trace, string Span) InSpan(bool sampled, Action action)
    {
        using var span = new Activity("test");
        span.SetIdFormat(ActivityIdFormat.W3C);
        span.ActivityTraceFlags = sampled ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None;
        span.Start();
        action();
        return (span.TraceId.ToHexString(), span.SpanId.ToHexString());
    }

    private void RecordAll()
    {
        _meter.CreateCounter<long>("hits", description: "Hits.").Add(3);
        _meter.CreateCounter<double>("cpu", "s", "CPU.").Add(1.5, new KeyValuePair<string, object?>("core", 0));
        _meter.CreateUpDownCounter<int>("active", description: "Active \"now\".").Add(2);
        var histogram = _meter.CreateHistogram(
            "took",
            "s",
            "Took.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] }
        );
        foreach (var value in new[] { 0.1, 0.5, 7 })
            histogram.Record(value, new KeyValuePair<string, object?>("code", "a\"b\\c\nd"));
    }
}
