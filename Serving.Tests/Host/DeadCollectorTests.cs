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
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Logging;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>A collector that accepts connections and never responds.</summary>
[Category("Slow")]
public sealed class DeadCollectorTests
{
    [Test]
    public async Task It_does_not_hold_up_the_end_of_the_process()
    {
        var asked = 0;
        var release = new TaskCompletionSource();
        await using var collector = await TestServer.StartAsync(_ =>
        {
            Interlocked.Increment(ref asked);
            return release.Task;
        });
        using var stop = new CancellationTokenSource();
        using var log = new MemoryStream();
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster();
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        using var logging = new ProcessLogging(new LogOptions { Output = Stream.Synchronized(log) });
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
                    ["metrics-endpoint"] = $"http://{collector.Address}",
                    ["metrics-export-interval"] = "50ms",
                },
            }
        );
        await Eventually.HoldsAsync(() => Volatile.Read(ref asked).Should().BePositive());

        await stop.CancelAsync();
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            running.IsCompletedSuccessfully.Should().BeTrue();
        });
        release.SetResult();

        await Eventually.HoldsAsync(() =>
            Encoding.UTF8.GetString(log.ToArray()).Should().Contain("An export of telemetry did not end within 00:00:05")
        );
    }
}
