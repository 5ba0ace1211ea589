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

    private readonly Lock gate = new();
    private readonly TimedBuckets stableConcurrency;
    private readonly TimedBuckets panicConcurrency;
    private readonly TimedBuckets stableRps;
    private readonly TimedBuckets panicRps;
    private Metric metric;
    private CollectionFailure? failed;
    private int scraping;

    /// <param name="metric">The windows; the algorithm is set by an annotation and cannot change.</param>
    public MetricCollection(Metric metric)
    {
        this.metric = metric;
        var isWeighted = AutoscalingKeys.MetricAggregationAlgorithm.Value(metric.Metadata.Annotations) is WeightedExponential or WeightedExponentialOlder;
        TimedBuckets New(TimeSpan window) => isWeighted ? new WeightedBuckets(window) : new TimedBuckets(window);
        stableConcurrency = New(StableOf(metric));
        panicConcurrency = New(PanicOf(metric));
        stableRps = New(StableOf(metric));
        panicRps = New(PanicOf(metric));
    }

    /// <summary>State kept between scrapes.</summary>
    public ScrapeMemory Memory { get; } = new();

    /// <summary>The current specification.</summary>
    public Metric Metric
    {
        get
        {
            lock (gate) return metric;
        }
    }

    /// <summary>Why the last scrape failed, or null.</summary>
    public CollectionFailure? Failure => Volatile.Read(ref failed);

    /// <summary>Starts a scrape; false while one is running. After true, call <see cref="EndScrape"/>.</summary>
    public bool TryBeginScrape() => Interlocked.CompareExchange(ref scraping, 1, 0) == 0;

    /// <summary>Ends a scrape, so that the next one can start.</summary>
    public void EndScrape() => Volatile.Write(ref scraping, 0);

    /// <summary>Applies new windows.</summary>
    public void Update(Metric newer, DateTimeOffset now)
    {
        lock (gate)
        {
            metric = newer;
            stableConcurrency.Resize(StableOf(newer), now);
            panicConcurrency.Resize(PanicOf(newer), now);
            stableRps.Resize(StableOf(newer), now);
            panicRps.Resize(PanicOf(newer), now);
        }
    }

    /// <summary>Records a stat. Requests that came through an activator are subtracted from a pod's stat, because the activator reports them.</summary>
    public void Record(DateTimeOffset now, in Stat stat)
    {
        var concurrency = stat.AverageConcurrentRequests - stat.AverageProxiedConcurrentRequests;
        var rps = stat.RequestCount - stat.ProxiedRequestCount;
        lock (gate)
        {
            stableConcurrency.Record(now, concurrency);
            panicConcurrency.Record(now, concurrency);
            stableRps.Record(now, rps);
            panicRps.Record(now, rps);
        }
    }

    /// <summary>The averages; null while pods should be scraped but there are no stats.</summary>
    public (double Stable, double Panic)? Average(bool isRps, DateTimeOffset now)
    {
        lock (gate)
        {
            var (stable, panic) = isRps ? (stableRps, panicRps) : (stableConcurrency, panicConcurrency);
            if (stable.IsEmpty(now) && metric.Spec.ScrapeTarget.Length > 0) return null;
            return (stable.Average(now), panic.Average(now));
        }
    }

    /// <summary>Records the result of the last scrape; true when it changed.</summary>
    public bool NoteFailure(CollectionFailure? failure)
    {
        lock (gate)
        {
            if (failure == failed) return false;
            var isNews = failure?.Reason != failed?.Reason;
            Volatile.Write(ref failed, failure);
            return isNews;
        }
    }

    private static TimeSpan StableOf(Metric metric) => Window(metric.Spec.StableWindow);

    private static TimeSpan PanicOf(Metric metric) => Window(metric.Spec.PanicWindow);

    private static TimeSpan Window(long nanoseconds) => TimeSpan.FromTicks(Math.Max(nanoseconds / TimeSpan.NanosecondsPerTick, TimeSpan.TicksPerSecond));
}
