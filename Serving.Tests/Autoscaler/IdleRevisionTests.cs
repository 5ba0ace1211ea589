using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Scaling;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

/// <summary>Most revisions of a cluster are at zero: they must not cost anything but a look.</summary>
public sealed class IdleRevisionTests
{
    private const int Revisions = 2000;

    private readonly ManualTimeProvider _time = new();
    private readonly InformerCache<Pod> _pods = new();
    private readonly HashSet<Task> _running = [];
    private int _scrapes;
    private MetricCollector _collector = null!;
    private Deciders _deciders = null!;
    private PodScraper _scraper = null!;

    [SetUp]
    public void SetUp()
    {
        _scrapes = 0;
        _scraper = new PodScraper(_pods, Network, _time);
        _collector = new MetricCollector(_scraper, _time, NullLogger.Instance);
        _deciders = new Deciders(_collector, key => RevisionPods.Count(_pods, key.Namespace, key.Name).Ready, _time, NullLogger.Instance);
    }

    [TearDown]
    public void TearDown() => _scraper.Dispose();

    [Test]
    public void A_tick_allocates_nothing_for_an_idle_revision()
    {
        for (var i = 0; i < Revisions; i++)
        {
            Add(i);
        }

        Allocated(() => _collector.StartScrapes(_running, CancellationToken.None))
            .Should()
            .BeLessThan(Revisions, "that is no byte for each");
        Allocated(_deciders.EvaluateAll).Should().BeLessThan(Revisions);
        _running.Should().BeEmpty();
    }

    [Test]
    public void A_tick_costs_nothing_for_a_parked_revision()
    {
        for (var i = 0; i < Revisions; i++)
        {
            Add(i);
            _pods.Set(ReadyPodOf(i));
            _collector.Pause(KeyOf(i), isPaused: true);
        }

        Allocated(() => _collector.StartScrapes(_running, CancellationToken.None)).Should().BeLessThan(Revisions);
        _scrapes.Should().Be(0);

        _collector.Pause(KeyOf(0), isPaused: false);
        _collector.StartScrapes(_running, CancellationToken.None);
        _scrapes.Should().Be(1, "it is scraped again as soon as it wakes");
    }

    [Test]
    public void A_revision_that_is_idle_again_has_no_memory_of_its_windows()
    {
        for (var i = 0; i < Revisions; i++)
        {
            Add(i);
        }

        var stat = new Stat { AverageConcurrentRequests = 10, RequestCount = 100 };
        var made = Revisions * 500L;

        RecordAll().Should().BeGreaterThan(made, "there are four windows, two of them with 60 seconds");
        RecordAll().Should().BeLessThan(Revisions * 100L, "they are kept while there is traffic");
        _time.Advance(TimeSpan.FromSeconds(62));
        _deciders.EvaluateAll();

        _collector.Average(KeyOf(0), "concurrency", _time.GetUtcNow()).Should().BeNull();
        RecordAll().Should().BeGreaterThan(made, "they were released");
        _collector.Average(KeyOf(0), "concurrency", _time.GetUtcNow()).Should().Be((10.0, 10.0));

        long RecordAll()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Revisions; i++)
                _collector.Record(KeyOf(i), stat);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    // Read at the beginning of each scrape, which may be over at once: nobody listens at the pods' addresses.
    private NetworkConfig Network()
    {
        _scrapes++;
        return new NetworkConfig();
    }

    private static long Allocated(Action work)
    {
        // The first call makes what is kept; the runtime, which may compile the code anew in between, allocates on this thread too.
        work();
        return Enumerable
            .Range(0, 5)
            .Min(_ =>
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                work();
                return GC.GetAllocatedBytesForCurrentThread() - before;
            });
    }

    private static ObjectKey KeyOf(int number) => new("default", $"service-{number}-00001");

    private static Pod ReadyPodOf(int number) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = "default",
                Name = $"service-{number}-pod",
                Uid = $"{number}",
                Labels = new Dictionary<string, string> { [ServingKeys.Revision] = KeyOf(number).Name },
            },
            Status = new PodStatus
            {
                Phase = "Running",
                PodIP = "127.0.0.1",
                Conditions = [new Condition { Type = "Ready", Status = "True" }],
            },
        };

    private void Add(int number)
    {
        var key = KeyOf(number);
        _collector.Ensure(
            new Metric
            {
                Metadata = new ObjectMeta
                {
                    Namespace = key.Namespace,
                    Name = key.Name,
                    Labels = new Dictionary<string, string> { [ServingKeys.Revision] = key.Name },
                },
                Spec = new MetricSpec
                {
                    StableWindow = TimeSpan.FromSeconds(60).Ticks * TimeSpan.NanosecondsPerTick,
                    PanicWindow = TimeSpan.FromSeconds(6).Ticks * TimeSpan.NanosecondsPerTick,
                    ScrapeTarget = key.Name + "-private",
                },
            }
        );
        _deciders.Ensure(
            key,
            new DeciderSpec
            {
                MaxScaleUpRate = 1000,
                MaxScaleDownRate = 2,
                TargetValue = 70,
                TotalValue = 100,
                TargetBurstCapacity = 211,
                ActivatorCapacity = 100,
                PanicThreshold = 2,
                StableWindow = TimeSpan.FromSeconds(60),
            }
        );
    }
}
