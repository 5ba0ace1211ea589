using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Aggregation;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Collection;

/// <summary>The stats of one revision: concurrency and requests per second, over the stable and the panic window. Thread-safe.</summary>
internal sealed class MetricCollection
{
    private const string WeightedExponential = "weighted-exponential";
    private const string WeightedExponentialOlder = "weightedExponential";

    private readonly Lock _gate = new();
    private readonly TimedBuckets _stableConcurrency;
    private readonly TimedBuckets _panicConcurrency;
    private readonly TimedBuckets _stableRps;
    private readonly TimedBuckets _panicRps;
    private Metric _metric;
    private CollectionFailure? _failed;
    private int _scraping;
    private bool _isPaused;

    /// <param name="metric">The windows; the algorithm is set by an annotation and cannot change.</param>
    public MetricCollection(Metric metric)
    {
        _metric = metric;
        Owner = ScrapedConfiguration.Of(metric);
        var isWeighted =
            AutoscalingKeys.MetricAggregationAlgorithm.Value(metric.Metadata.Annotations)
            is WeightedExponential
                or WeightedExponentialOlder;
        TimedBuckets New(TimeSpan window) => isWeighted ? new WeightedBuckets(window) : new TimedBuckets(window);
        _stableConcurrency = New(StableOf(metric));
        _panicConcurrency = New(PanicOf(metric));
        _stableRps = New(StableOf(metric));
        _panicRps = New(PanicOf(metric));
    }

    /// <summary>What the revision belongs to.</summary>
    public ScrapedConfiguration Owner { get; }

    /// <summary>State kept between scrapes.</summary>
    public ScrapeMemory Memory { get; } = new();

    /// <summary>The current specification.</summary>
    public Metric Metric
    {
        get
        {
            lock (_gate)
                return _metric;
        }
    }

    /// <summary>Why the last scrape failed, or null.</summary>
    public CollectionFailure? Failure => Volatile.Read(ref _failed);

    /// <summary>Whether the pods need not be scraped: activators report all their requests.</summary>
    public bool IsPaused
    {
        get => Volatile.Read(ref _isPaused);
        set => Volatile.Write(ref _isPaused, value);
    }

    /// <summary>Starts a scrape; false while one is running. After true, call <see cref="EndScrape"/>.</summary>
    public bool TryBeginScrape() => Interlocked.CompareExchange(ref _scraping, 1, 0) == 0;

    /// <summary>Ends a scrape, so that the next one can start.</summary>
    public void EndScrape() => Volatile.Write(ref _scraping, 0);

    /// <summary>Applies new windows.</summary>
    public void Update(Metric newer, DateTimeOffset now)
    {
        lock (_gate)
        {
            _metric = newer;
            _stableConcurrency.Resize(StableOf(newer), now);
            _panicConcurrency.Resize(PanicOf(newer), now);
            _stableRps.Resize(StableOf(newer), now);
            _panicRps.Resize(PanicOf(newer), now);
        }
    }

    /// <summary>Records a stat. Requests that came through an activator are subtracted from a pod's stat, because the activator reports
    /// them.</summary>
    public void Record(DateTimeOffset now, in Stat stat)
    {
        var concurrency = stat.AverageConcurrentRequests - stat.AverageProxiedConcurrentRequests;
        var rps = stat.RequestCount - stat.ProxiedRequestCount;
        lock (_gate)
        {
            _stableConcurrency.Record(now, concurrency);
            _panicConcurrency.Record(now, concurrency);
            _stableRps.Record(now, rps);
            _panicRps.Record(now, rps);
        }
    }

    /// <summary>The averages; null while pods should be scraped but there are no stats.</summary>
    public (double Stable, double Panic)? Average(bool isRps, DateTimeOffset now)
    {
        lock (_gate)
        {
            var (stable, panic) = isRps ? (_stableRps, _panicRps) : (_stableConcurrency, _panicConcurrency);
            if (stable.IsEmpty(now))
            {
                Clear();
                if (_metric.Spec.ScrapeTarget.Length > 0)
                    return null;
            }

            return (stable.Average(now), panic.Average(now));
        }
    }

    /// <summary>Records the result of the last scrape; true when it changed.</summary>
    public bool NoteFailure(CollectionFailure? failure)
    {
        lock (_gate)
        {
            if (failure == _failed)
                return false;
            var isNews = failure?.Reason != _failed?.Reason;
            Volatile.Write(ref _failed, failure);
            return isNews;
        }
    }

    /// <summary>Ends the memory of a revision without stats. The stable window is the longest, so the others are empty too.</summary>
    private void Clear()
    {
        _stableConcurrency.Clear();
        _panicConcurrency.Clear();
        _stableRps.Clear();
        _panicRps.Clear();
    }

    private static TimeSpan StableOf(Metric metric) => Window(metric.Spec.StableWindow);

    private static TimeSpan PanicOf(Metric metric) => Window(metric.Spec.PanicWindow);

    private static TimeSpan Window(long nanoseconds) =>
        TimeSpan.FromTicks(Math.Max(nanoseconds / TimeSpan.NanosecondsPerTick, TimeSpan.TicksPerSecond));
}
