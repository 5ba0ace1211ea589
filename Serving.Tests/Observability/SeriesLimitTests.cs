using System.Diagnostics.Metrics;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Instruments;
using Serving.Observability.Telemetry;
using Serving.Tests.Dataplane;

namespace Serving.Tests.Observability;

/// <summary>The series that OpenTelemetry's SDK pushes.</summary>
public sealed class SeriesLimitTests
{
    private const int Revisions = 5000;

    [Test]
    public async Task Five_thousand_revisions_are_pushed_with_their_own_series()
    {
        var received = new StringBuilder();
        await using var collector = await TestServer.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            lock (received)
                received.Append(Encoding.Latin1.GetString(body.ToArray()));
            context.Response.ContentLength = 0;
        });
        var source = $"Test.{Guid.NewGuid():N}";
        using var meter = new Meter(new MeterOptions(source) { Scope = RevisionSeries.Observed });
        using var unscoped = new Meter(source);
        using (
            TelemetryExport.Start(
                new TelemetryOptions("test")
                {
                    MetricsProtocol = TelemetryOptions.HttpProtobuf,
                    MetricsEndpoint = $"http://{collector.Address}/v1/metrics",
                    Meters = [source],
                },
                new ExportFailures()
            )
        )
        {
            var counter = meter.CreateCounter<long>("requests");
            var other = unscoped.CreateCounter<long>("other");
            meter.CreateObservableGauge(
                "pods",
                static () =>
                    Enumerable.Range(0, Revisions).Select(static i => new Measurement<int>(1, RevisionNames.Revision.Of($"gauge-{i}-")))
            );
            for (var i = 0; i < Revisions; i++)
            {
                counter.Add(1, RevisionNames.Revision.Of($"counter-{i}-"));
                other.Add(1, RevisionNames.Revision.Of($"other-{i}-"));
            }
        }

        string text;
        lock (received)
            text = received.ToString();
        text.Should().Contain($"counter-{Revisions - 1}-").And.Contain($"gauge-{Revisions - 1}-");
        text.Should().NotContain($"other-{Revisions - 1}-", "its meter has no series per object");
        text.Split("otel.metric.overflow").Should().HaveCount(2, "only that one is above its limit");
    }
}
