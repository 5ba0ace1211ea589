using System.Diagnostics.Metrics;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Instruments;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>OpenTelemetry's SDK keeps series that have ended. After many of them, or an hour after one, the export starts again without
/// them.</summary>
[Category("Slow")]
[NonParallelizable]
public sealed class EndedSeriesExportTests
{
    private readonly StringBuilder _received = new();

    [TestCase(100, 10)]
    [TestCase(1, 60)]
    public async Task What_has_ended_is_no_longer_pushed(int ended, int minutes)
    {
        await using var collector = await TestServer.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            lock (_received)
                _received.Append(Encoding.Latin1.GetString(body.ToArray()));
            context.Response.ContentLength = 0;
        });
        await using var process = await PushingProcess.StartAsync($"http://{collector.Address}/v1/metrics");
        using var meter = new Meter($"Serving.Test.{Guid.NewGuid():N}");
        var counter = meter.CreateCounter<long>("requests");
        await Eventually.HoldsAsync(() =>
        {
            // Again, because it is lost before the export has begun, which another listener of this counter does not tell.
            counter.Add(1, new KeyValuePair<string, object?>("kn.revision.name", "rev-that-ended"));
            Received().Should().Contain("rev-that-ended");
        });

        for (var i = 0; i < ended; i++)
            EndedSeries.Add();
        await Eventually.HoldsAsync(() =>
        {
            process.Time.Advance(TimeSpan.FromMinutes(minutes));
            counter.Add(1, new KeyValuePair<string, object?>("kn.revision.name", "rev-that-lives"));
            Received().Should().Contain("rev-that-lives").And.NotContain("rev-that-ended");
        });
    }

    /// <summary>What arrived since the last call.</summary>
    private string Received()
    {
        lock (_received)
        {
            var text = _received.ToString();
            _received.Clear();
            return text;
        }
    }
}
