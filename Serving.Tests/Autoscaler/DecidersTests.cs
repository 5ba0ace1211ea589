using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Scaling;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class DecidersTests
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private readonly ManualTimeProvider time = new();
    private readonly List<ObjectKey> changed = [];
    private MetricCollector collector = null!;
    private Deciders deciders = null!;
    private int ready;

    [SetUp]
    public void SetUp()
    {
        ready = 0;
        changed.Clear();
        collector = new MetricCollector(new NoPods(), time, NullLogger.Instance);
        deciders = new Deciders(collector, _ => ready, time, NullLogger.Instance);
        deciders.Changed += changed.Add;
        collector.Ensure(Metric());
        deciders.Ensure(Key, Spec()).Should().Be(new DeciderStatus(-1, -111));
    }

    [Test]
    public void A_first_request_at_zero_is_decided_on_at_once()
    {
        Report(0);
        deciders.EvaluateAll();
        deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(0);
        changed.Clear();
        time.Advance(TimeSpan.FromSeconds(30));
        Report(1);
        changed.Should().Equal(Key);
        deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(1);
    }

    [Test]
    public void A_request_of_a_revision_with_pods_waits_for_the_tick()
    {
        Report(1);
        changed.Clear();
        Report(500);
        changed.Should().BeEmpty();
        deciders.EvaluateAll();
        changed.Should().Equal(Key);
    }

    [Test]
    public void Nothing_is_decided_without_data()
    {
        deciders.EvaluateAll();
        changed.Should().BeEmpty();
        deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(-1);
    }

    [Test]
    public void Activators_leaving_the_path_are_told_of()
    {
        Report(1);
        changed.Clear();
        ready = 10;
        deciders.Evaluate(Key);
        changed.Should().Equal(Key);
        deciders.Ensure(Key, Spec()).ExcessBurstCapacity.Should().BeGreaterThanOrEqualTo(0);
    }

    [Test]
    public async Task Ticks_every_two_seconds()
    {
        using var stop = new CancellationTokenSource();
        var running = deciders.RunAsync(stop.Token);
        collector.Record(Key, new Stat { AverageConcurrentRequests = 5 });
        time.Advance(TimeSpan.FromSeconds(1.9));
        changed.Should().BeEmpty();
        time.Advance(TimeSpan.FromSeconds(0.1));
        (await Eventually(() => changed.Count > 0)).Should().BeTrue();
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public void What_came_through_an_activator_is_not_counted_twice()
    {
        collector.Record(Key, new Stat { AverageConcurrentRequests = 5, AverageProxiedConcurrentRequests = 3, RequestCount = 7, ProxiedRequestCount = 2 });
        collector.Average(Key, "concurrency", time.GetUtcNow()).Should().Be((2.0, 2.0));
        collector.Average(Key, "rps", time.GetUtcNow()).Should().Be((5.0, 5.0));
    }

    private static async Task<bool> Eventually(Func<bool> condition)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(10); DateTime.UtcNow < deadline; await Task.Yield())
        {
            if (condition()) return true;
        }

        return false;
    }

    private static DeciderSpec Spec() => new()
    {
        TargetValue = 70,
        TotalValue = 100,
        MaxScaleUpRate = 1000,
        MaxScaleDownRate = 2,
        PanicThreshold = 2,
        TargetBurstCapacity = 211,
        ActivatorCapacity = 100,
        StableWindow = TimeSpan.FromSeconds(60),
        InitialScale = 1,
    };

    private static Metric Metric() => new()
    {
        Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
        Spec = new MetricSpec { StableWindow = 60_000_000_000, PanicWindow = 6_000_000_000, ScrapeTarget = "rev-private" },
    };

    private void Report(double concurrency)
    {
        var stat = new Stat { PodName = "activator", AverageConcurrentRequests = concurrency };
        collector.Record(Key, stat);
        deciders.Poke(Key, stat);
    }

    private sealed class NoPods : IPodScraper
    {
        public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation) => Task.FromResult<Stat?>(null);
    }
}
