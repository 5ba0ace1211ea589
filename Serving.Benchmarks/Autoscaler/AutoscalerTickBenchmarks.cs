using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
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

namespace Serving.Benchmarks.Autoscaler;

/// <summary>The cost of one tick of all revisions of a shard, of which one in a hundred gets requests: the start of the scrapes, every
/// second, and the decisions, every two seconds. An idle revision must not allocate.</summary>
[MemoryDiagnoser]
[InProcess]
public class AutoscalerTickBenchmarks : IDisposable
{
    private const int BusyOneIn = 100;

    private readonly HashSet<Task> _running = [];
    private readonly List<ObjectKey> _busy = [];
    private MetricCollector _collector = null!;
    private Deciders _deciders = null!;
    private PodScraper _scraper = null!;

    /// <summary>The number of revisions.</summary>
    [Params(1_000, 10_000, 50_000)]
    public int Revisions { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        var pods = new InformerCache<Pod>();
        _scraper = new PodScraper(pods, static () => new NetworkConfig(), TimeProvider.System);
        _collector = new MetricCollector(_scraper, TimeProvider.System, NullLogger.Instance);
        _deciders = new Deciders(
            _collector,
            key => RevisionPods.Count(pods, key.Namespace, key.Name).Ready,
            TimeProvider.System,
            NullLogger.Instance
        );
        var spec = new DeciderSpec
        {
            MaxScaleUpRate = 1000,
            MaxScaleDownRate = 2,
            TargetValue = 70,
            TotalValue = 100,
            TargetBurstCapacity = 211,
            ActivatorCapacity = 100,
            PanicThreshold = 2,
            StableWindow = TimeSpan.FromSeconds(60),
        };
        for (var i = 0; i < Revisions; i++)
        {
            var name = $"service-{i:00000}-00001";
            var key = new ObjectKey("default", name);
            _collector.Ensure(
                new Metric
                {
                    Metadata = new ObjectMeta
                    {
                        Namespace = key.Namespace,
                        Name = key.Name,
                        Labels = new Dictionary<string, string> { [ServingKeys.Revision] = name },
                    },
                    Spec = new MetricSpec
                    {
                        StableWindow = TimeSpan.FromSeconds(60).Ticks * TimeSpan.NanosecondsPerTick,
                        PanicWindow = TimeSpan.FromSeconds(6).Ticks * TimeSpan.NanosecondsPerTick,
                        ScrapeTarget = name + "-private",
                    },
                }
            );
            _deciders.Ensure(key, spec);
            if (i % BusyOneIn == 0)
            {
                _busy.Add(key);
            }
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _scraper.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Start_scrapes() => _collector.StartScrapes(_running, CancellationToken.None);

    [Benchmark]
    public void Decide()
    {
        foreach (var key in _busy)
        {
            _collector.Record(key, new Stat { AverageConcurrentRequests = 10, RequestCount = 100 });
        }

        _deciders.EvaluateAll();
    }
}
