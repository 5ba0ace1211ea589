using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Host.Metrics;
using Serving.Instruments;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Logging;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>OpenTelemetry's SDK keeps series that have ended. After many of them, the export starts again without them.</summary>
[Category("Slow")]
[NonParallelizable]
public sealed class EndedSeriesExportTests
{
    [Test]
    public async Task What_has_ended_is_no_longer_pushed()
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
        using var stop = new CancellationTokenSource();
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster();
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        using var logging = new ProcessLogging(new LogOptions { Output = Stream.Null });
        using var config = new ConfigStore(
            cluster,
            environment,
            logging.Factory.CreateLogger<ConfigStore>(),
            Substitute.For<IEventRecorder>()
        );
        using var endpoint = new MetricsEndpoint(null, time);
        await using var ports = await ServedPorts.StartAsync(
            endpoint.Port,
            new ServingPort("other", new IPEndPoint(IPAddress.Loopback, 0)) { Serve = static _ => { } }
        );
        using var observability = new ProcessObservability(config, logging, environment, endpoint, ports.Listeners, time, Stream.Null);
        var running = observability.RunAsync(stop.Token);
        cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new() { Namespace = "knative-serving", Name = "config-observability" },
                Data = new Dictionary<string, string>
                {
                    ["metrics-protocol"] = "http/protobuf",
                    ["metrics-endpoint"] = $"http://{collector.Address}/v1/metrics",
                    ["metrics-export-interval"] = "50ms",
                },
            }
        );
        using var meter = new Meter($"Serving.Test.{Guid.NewGuid():N}");
        var counter = meter.CreateCounter<long>("requests");
        await Eventually.HoldsAsync(() => counter.Enabled.Should().BeTrue());
        counter.Add(1, new KeyValuePair<string, object?>("kn.revision.name", "rev-that-ended"));
        await Eventually.HoldsAsync(() => Received().Should().Contain("rev-that-ended"));

        for (var i = 0; i < 500; i++)
            EndedSeries.Add();
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(10));
            counter.Add(1, new KeyValuePair<string, object?>("kn.revision.name", "rev-that-lives"));
            Received().Should().Contain("rev-that-lives").And.NotContain("rev-that-ended");
        });

        await stop.CancelAsync();
        await running;

        // What arrived since the last call.
        string Received()
        {
            lock (received)
            {
                var text = received.ToString();
                received.Clear();
                return text;
            }
        }
    }
}
