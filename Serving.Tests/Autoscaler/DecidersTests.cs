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

    private readonly ManualTimeProvider _time = new();
    private readonly List<ObjectKey> _changed = [];
    private MetricCollector _collector = null!;
    private Deciders _deciders = null!;
    private int _ready;

    [SetUp]
    public void SetUp()
    {
        _ready = 0;
        _changed.Clear();
        _collector = new MetricCollector(new NoPods(), _time, NullLogger.Instance);
        _deciders = new Deciders(_collector, _ => _ready, _time, NullLogger.Instance);
        _deciders.Changed += _changed.Add;
        _collector.Ensure(Metric());
        _deciders.Ensure(Key, Spec()).Should().Be(new DeciderStatus(-1, -111));
    }

    [Test]
    public void A_first_request_at_zero_is_decided_on_at_once()
    {
        Report(0);
        _deciders.EvaluateAll();
        _deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(0);
        _changed.Clear();
        _time.Advance(TimeSpan.FromSeconds(30));
        Report(1);
        _changed.Should().Equal(Key);
        _deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(1);
    }

    [Test]
    public void How_long_the_write_of_a_scale_from_zero_took_is_told_once()
    {
        var told = new List<ScaleFromZero>();
        _deciders.ScaledFromZero += told.Add;
        Report(0);
        _deciders.EvaluateAll();
        _deciders.Written(Key);
        told.Should().BeEmpty("nothing was scaled up");

        _time.Advance(TimeSpan.FromSeconds(30));
        Report(1);
        _time.Advance(TimeSpan.FromMilliseconds(40));
        _deciders.EvaluateAll();
        _time.Advance(TimeSpan.FromMilliseconds(30));
        _deciders.Written(Key);
        _deciders.Written(Key);

        told.Should().Equal(new ScaleFromZero("ns", "rev", TimeSpan.FromMilliseconds(70)));
    }

    [Test]
    public void A_scale_that_was_given_up_before_it_was_written_is_not_told()
    {
        var told = new List<ScaleFromZero>();
        _deciders.ScaledFromZero += told.Add;
        Report(1);
        _time.Advance(TimeSpan.FromMinutes(5));
        Report(0);
        _deciders.EvaluateAll();
        _deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(0);

        _deciders.Written(Key);

        told.Should().BeEmpty();
    }

    [Test]
    public void A_request_of_a_revision_with_pods_waits_for_the_tick()
    {
        Report(1);
        _changed.Clear();
        Report(500);
        _changed.Should().BeEmpty();
        _deciders.EvaluateAll();
        _changed.Should().Equal(Key);
    }

    [Test]
    public void Nothing_is_decided_without_data()
    {
        _deciders.EvaluateAll();
        _changed.Should().BeEmpty();
        _deciders.Ensure(Key, Spec()).DesiredScale.Should().Be(-1);
    }

    [Test]
    public void Activators_leaving_the_path_are_told_of()
    {
        Report(1);
        _changed.Clear();
        _ready = 10;
        _deciders.Evaluate(Key);
        _changed.Should().Equal(Key);
        _deciders.Ensure(Key, Spec()).ExcessBurstCapacity.Should().BeGreaterThanOrEqualTo(0);
    }

    [Test]
    public async Task Ticks_every_two_seconds()
    {
        using var stop = new CancellationTokenSource();
        var running = _deciders.RunAsync(stop.Token);
        _collector.Record(Key, new Stat { AverageConcurrentRequests = 5 });
        _time.Advance(TimeSpan.FromSeconds(1.9));
        _changed.Should().BeEmpty();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        (await Eventually(() => _changed.Count > 0)).Should().BeTrue();
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public void What_came_through_an_activator_is_not_counted_twice()
    {
        _collector.Record(
            Key,
            new Stat
            {
                AverageConcurrentRequests = 5,
                AverageProxiedConcurrentRequests = 3,
                RequestCount = 7,
                ProxiedRequestCount = 2,
            }
        );
        _collector.Average(Key, "concurrency", _time.GetUtcNow()).Should().Be((2.0, 2.0));
        _collector.Average(Key, "rps", _time.GetUtcNow()).Should().Be((5.0, 5.0));
    }

    private static async Task<bool> Eventually(Func<bool> condition)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(10); DateTime.UtcNow < deadline; await Task.Yield())
        {
            if (condition())
                return true;
        }

        return false;
    }

    private static DeciderSpec Spec() =>
        new()
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

    private static Metric Metric() =>
        new()
        {
            Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
            Spec = new MetricSpec
            {
                StableWindow = 60_000_000_000,
                PanicWindow = 6_000_000_000,
                ScrapeTarget = "rev-private",
            },
        };

    private void Report(double concurrency)
    {
        var stat = new Stat { PodName = "activator", AverageConcurrentRequests = concurrency };
        _collector.Record(Key, stat);
        _deciders.Poke(Key, stat);
    }

    private sealed class NoPods : IPodScraper
    {
        public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation) => Task.FromResult<Stat?>(null);
    }
}
