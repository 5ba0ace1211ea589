using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Observability.Logging;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Observability.Telemetry;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

public sealed class LoggingTests
{
    [Test]
    public void A_line_is_a_JSON_object_with_the_fields_that_Knative_uses()
    {
        var lines = Lines(
            new LogOptions { Fields = new Dictionary<string, string> { ["knative.dev/pod"] = "p" } },
            provider =>
                provider
                    .CreateLogger("Serving.Networking.Gateway.GatewayModule")
                    .LogWarning(new InvalidOperationException("boom"), "No {Thing} in {Count}", "endpoint", 3)
        );

        var line = JsonDocument.Parse(lines.Single()).RootElement;
        line.GetProperty("severity").GetString().Should().Be("WARNING");
        line.GetProperty("timestamp").GetString().Should().Be("2026-01-01T00:00:00.000Z");
        line.GetProperty("logger").GetString().Should().Be("gateway");
        line.GetProperty("caller").GetString().Should().Be("Serving.Networking.Gateway.GatewayModule");
        line.GetProperty("message").GetString().Should().Be("No endpoint in 3");
        line.GetProperty("knative.dev/pod").GetString().Should().Be("p");
        line.GetProperty("thing").GetString().Should().Be("endpoint");
        line.GetProperty("count").GetInt32().Should().Be(3);
        line.GetProperty("error").GetString().Should().Be("boom");
        line.GetProperty("stacktrace").GetString().Should().Contain("InvalidOperationException");
    }

    [Test]
    public void An_event_with_a_dotted_name_is_named_and_the_names_of_methods_are_not()
    {
        var lines = Lines(
            new LogOptions(),
            provider =>
            {
                var logger = provider.CreateLogger("Serving.Activator.X");
                logger.LogWarning(new EventId(20, "serving.cold_start"), "slow");
                logger.LogWarning(new EventId(21, "LogSlow"), "slow, too");
            }
        );

        var events = lines.Select(static line =>
            JsonDocument.Parse(line).RootElement.TryGetProperty("event", out var name) ? $"{name}" : ""
        );
        events.Should().Equal("serving.cold_start", "");
    }

    [Test]
    public void A_line_within_a_sampled_span_names_its_trace_and_no_other_does()
    {
        string? trace = null;
        var lines = Lines(
            new LogOptions(),
            provider =>
            {
                var logger = provider.CreateLogger("Serving.Controller.X");
                logger.LogInformation("outside");
                using var unsampled = new Activity("unsampled").Start();
                logger.LogInformation("unsampled");
                using var sampled = new Activity("sampled") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
                using (logger.BeginScope(new KeyValuePair<string, object?>[] { new("knative.dev/key", "ns/name") }))
                    logger.LogInformation("within");
                trace = sampled.TraceId.ToHexString();
                sampled.Stop();
                Activity.Current = sampled;
                logger.LogInformation("after");
                Activity.Current = null;
            }
        );

        var read = lines.Select(static line => JsonDocument.Parse(line).RootElement).ToList();
        read.Select(static line => line.TryGetProperty("knative.dev/traceid", out var id) ? id.GetString() : null)
            .Should()
            .Equal(null, null, trace, null);
        read[2].GetProperty("knative.dev/key").GetString().Should().Be("ns/name");
    }

    [Test]
    public void Plain_lines_are_single_lines()
    {
        var lines = Lines(
            new LogOptions { Format = LogFormat.Plain },
            provider => provider.CreateLogger("Serving.Autoscaler.Decider").LogInformation("one\ntwo")
        );

        lines.Single().Should().EndWith("INFO  autoscaler: one two");
    }

    [Test]
    public void Levels_are_by_component_and_change_while_running()
    {
        var options = new LogOptions { Levels = new Dictionary<string, LogLevel> { ["autoscaler"] = LogLevel.Error } };
        var lines = Lines(
            options,
            provider =>
            {
                var autoscaler = provider.CreateLogger("Serving.Autoscaler.X");
                autoscaler.LogInformation("1");
                provider.CreateLogger("Serving.Controller.X").LogInformation("2");
                provider.CreateLogger("Microsoft.AspNetCore").LogInformation("3");
                provider.SetLevels(LogLevel.Error, new Dictionary<string, LogLevel> { ["autoscaler"] = LogLevel.Debug });
                autoscaler.LogDebug("4");
                provider.CreateLogger("Serving.Controller.X").LogInformation("5");
                provider.CreateLogger("Microsoft.AspNetCore").LogError("6");
            }
        );

        lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("message").GetString()).Should().Equal("2", "4", "6");
    }

    [TestCase("debug", LogLevel.Debug)]
    [TestCase("WARN", LogLevel.Warning)]
    [TestCase("fatal", LogLevel.Critical)]
    [TestCase("loud", null)]
    public void Reads_the_names_of_levels(string name, LogLevel? level) => LogLevels.Parse(name).Should().Be(level);

    [Test]
    public void Nothing_is_sent_that_is_not_configured()
    {
        using var export = TelemetryExport.Start(new TelemetryOptions("test"), new ExportFailures());

        (export.SendsMetrics, export.SendsTraces).Should().Be((false, false));
    }

    [Test]
    public void Sends_what_is_configured()
    {
        using var export = TelemetryExport.Start(
            new TelemetryOptions("test")
            {
                MetricsProtocol = TelemetryOptions.HttpProtobuf,
                MetricsEndpoint = "127.0.0.1:1/v1/metrics",
                TracingProtocol = TelemetryOptions.Grpc,
                TracingEndpoint = "http://127.0.0.1:1",
                TracingSamplingRate = 1,
            },
            new ExportFailures()
        );

        (export.SendsMetrics, export.SendsTraces).Should().Be((true, true));
    }

    [Test]
    public async Task Lines_that_a_slow_output_drops_are_counted()
    {
        using var exporter = new PrometheusExporter(DroppedLines.MeterName);
        var stuck = new System.IO.Pipelines.Pipe(new System.IO.Pipelines.PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        using var provider = new StructuredLoggerProvider(
            new LogOptions { Output = stuck.Writer.AsStream(), MaxQueuedLines = 10 },
            new ManualTimeProvider()
        );
        var before = Dropped();

        for (var i = 0; i < 100; i++)
            provider.CreateLogger("Serving.Test").LogInformation("line {Number}", i);

        provider.DroppedLines.Should().BeInRange(85, 90);
        (Dropped() - before).Should().BeGreaterThanOrEqualTo(provider.DroppedLines, "the count is that of the process");
        await stuck.Reader.CompleteAsync();

        double Dropped()
        {
            var text = MetricsText.Read(exporter.Render(), openMetrics: false);
            text.Samples.Should().ContainKey("serving_log_dropped_total");
            return text.Samples["serving_log_dropped_total"];
        }
    }

    private static string[] Lines(LogOptions options, Action<StructuredLoggerProvider> log)
    {
        using var output = new MemoryStream();
        using (var provider = new StructuredLoggerProvider(options with { Output = output }, new ManualTimeProvider()))
        {
            log(provider);
        }

        return Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
