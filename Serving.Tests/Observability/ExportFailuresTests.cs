using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Observability.Requests;
using Serving.Observability.Telemetry;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Observability;

/// <summary>An export that the collector does not take is counted and logged, with its endpoint and the reason.</summary>
public sealed class ExportFailuresTests
{
    private readonly string _source = $"Serving.Test.{Guid.NewGuid():N}";

    [TestCase(TelemetryOptions.HttpProtobuf, 404, "the response is 404 Not Found")]
    [TestCase(TelemetryOptions.HttpProtobuf, 401, "the response is 401 Unauthorized")]
    [TestCase(TelemetryOptions.Grpc, 404, "the response is 404")]
    public async Task A_collector_that_refuses_is_reported(string protocol, int status, string reason)
    {
        await using var collector = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });

        Export(protocol, $"http://{collector.Address}")
            .Should()
            .Contain($"tracing-endpoint http://{collector.Address}")
            .And.Contain("does not take traces")
            .And.Contain(reason);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_status_of_gRPC_is_reported(bool inTrailers)
    {
        await using var collector = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentType = "application/grpc";
            if (!inTrailers)
            {
                context.Response.Headers["grpc-status"] = "16";
                context.Response.Headers["grpc-message"] = "no%20token";
                return;
            }

            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.Body.WriteAsync(new byte[5]);
            context.Response.AppendTrailer("grpc-status", "16");
            context.Response.AppendTrailer("grpc-message", "no%20token");
        });

        Export(TelemetryOptions.Grpc, $"http://{collector.Address}").Should().Contain("the response has gRPC status 16 (no token)");
    }

    [TestCase(TelemetryOptions.HttpProtobuf)]
    [TestCase(TelemetryOptions.Grpc)]
    public void A_closed_port_is_reported(string protocol)
    {
        var port = FreePorts.Of(IPAddress.Loopback, 1)[0];

        Export(protocol, $"http://user:secret@127.0.0.1:{port}")
            .Should()
            .Contain($"http://127.0.0.1:{port}")
            .And.Contain("refused")
            .And.NotContain("secret");
    }

    [TestCase(TelemetryOptions.HttpProtobuf)]
    [TestCase(TelemetryOptions.Grpc)]
    public async Task What_the_collector_takes_is_not_reported(string protocol)
    {
        await using var collector = await Otlp.OtlpReceiver.StartAsync();

        Export(protocol, collector.Endpoint(protocol, "traces"), fails: false).Should().BeEmpty();

        collector.Spans.Should().ContainSingle(span => span.Scope == _source);
    }

    [Test]
    public async Task Metrics_and_logs_are_watched_too()
    {
        await using var collector = await TestServer.StartAsync(static context =>
        {
            context.Response.StatusCode = 403;
            return Task.CompletedTask;
        });
        var logs = new RecordingLogs();
        var failures = new ExportFailures().LogTo(logs.CreateLogger("Serving.Test"));
        var options = new TelemetryOptions("test")
        {
            MetricsProtocol = TelemetryOptions.HttpProtobuf,
            MetricsEndpoint = $"http://{collector.Address}",
            MetricsEndpointKey = "request-metrics-endpoint",
            Meters = [_source],
            LogsProtocol = TelemetryOptions.HttpProtobuf,
            LogsEndpoint = $"http://{collector.Address}",
        };
        using var meter = new Meter(_source);
        using (TelemetryExport.Start(options, failures))
            meter.CreateCounter<long>("requests").Add(1);
        using (var exported = TelemetryExport.StartLogs(options, failures))
            exported.CreateLogger("Serving.Test").LogInformation("a line");

        logs.Text.Should()
            .Contain($"request-metrics-endpoint http://{collector.Address}/v1/metrics does not take metrics")
            .And.Contain($"logging-endpoint http://{collector.Address}/v1/logs does not take logs");
    }

    /// <summary>Exports a span, and returns what was logged.</summary>
    private string Export(string protocol, string endpoint, bool fails = true)
    {
        using var metrics = new CollectedMetrics(DroppedLines.MeterName);
        var logs = new RecordingLogs();
        using var source = new ActivitySource(_source);
        using (
            TelemetryExport.Start(
                new TelemetryOptions("test")
                {
                    TracingProtocol = protocol,
                    TracingEndpoint = endpoint,
                    TracingSamplingRate = 1,
                    ActivitySources = [_source],
                },
                new ExportFailures().LogTo(logs.CreateLogger("Serving.Test"))
            )
        )
            source.StartActivity("span")!.Dispose();
        if (fails)
            metrics.Collect().Should().ContainKey("serving.telemetry.export.failures{signal=traces}");
        return logs.Text;
    }
}
