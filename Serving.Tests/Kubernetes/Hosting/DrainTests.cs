using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Hosting;

/// <summary>How a process that is told to stop leaves. In virtual time.</summary>
public sealed class DrainTests
{
    [Test]
    public async Task Leaders_hand_over_at_once_and_the_others_serve_on_for_the_drain_delay()
    {
        var time = new ManualTimeProvider();
        var log = new ConcurrentDictionary<string, DateTimeOffset>();
        var cluster = new InMemoryCluster();
        var gateway = new Recorder("gateway", Activation.Always, log, time);
        var controller = new Recorder("controller", Activation.Leader, log, time);
        var registration = new Recorder("webhook-registration", Activation.Leader, log, time);
        var statistics = new Recorder("statistics", Activation.Always, log, time);
        var options = new ModuleHostOptions { DrainDelay = TimeSpan.FromSeconds(15), StopTimeout = TimeSpan.FromDays(1) };
        var host = new ModuleHost(
            [registration, gateway, statistics, controller],
            cluster,
            cluster,
            options,
            NullLoggerFactory.Instance,
            time
        );
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => host.NotReady.Should().BeEmpty());
        var told = time.GetUtcNow();

        await stop.CancelAsync();
        foreach (var leader in new[] { "controller stopped", "webhook-registration stopped" })
        {
            await Eventually.HoldsAsync(() => log.Should().ContainKey(leader));
            log[leader].Should().Be(told, "nothing is waited for before others may lead, wherever the leader stands in the list");
        }

        log["gateway drains"].Should().Be(told, "clients are asked to go elsewhere at once");

        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            log.Should().ContainKey("gateway stopped");
        });
        (log["gateway stopped"] - told).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(15));
        (log["statistics stopped"] - told)
            .Should()
            .BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(15), "measurements of requests served meanwhile still find their way");
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Nobody_is_waited_for_when_nothing_leads_here_any_more()
    {
        var time = new ManualTimeProvider();
        var log = new ConcurrentDictionary<string, DateTimeOffset>();
        var cluster = new InMemoryCluster();
        var gateway = new Recorder("gateway", Activation.Always, log, time);
        var isCutOff = false;
        var options = new ModuleHostOptions
        {
            DrainDelay = TimeSpan.FromSeconds(15),
            StopTimeout = TimeSpan.FromDays(1),
            IsCutOff = () => Volatile.Read(ref isCutOff),
        };
        var host = new ModuleHost([gateway], cluster, cluster, options, NullLoggerFactory.Instance, time);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => host.NotReady.Should().BeEmpty());
        var told = time.GetUtcNow();
        await stop.CancelAsync();
        await Eventually.HoldsAsync(() => log.Should().ContainKey("gateway drains"));

        // As when kubectl deletes the Services of the install first.
        Volatile.Write(ref isCutOff, true);
        await Eventually.HoldsAsync(() =>
        {
            if (!log.ContainsKey("gateway stopped") && time.GetUtcNow() - told < TimeSpan.FromSeconds(2))
                time.Advance(TimeSpan.FromMilliseconds(100));
            log.Should().ContainKey("gateway stopped");
        });

        (log["gateway stopped"] - told).Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(2));
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private sealed class Recorder(string name, Activation activation, ConcurrentDictionary<string, DateTimeOffset> log, TimeProvider time)
        : IServingModule
    {
        public string Name => name;

        public Activation Activation => activation;

        public void BeginDrain() => log[$"{name} drains"] = time.GetUtcNow();

        public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            log[$"{name} stopped"] = time.GetUtcNow();
        }
    }
}
