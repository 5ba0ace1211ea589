using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;

namespace Serving.Autoscaler.Collection;

/// <summary>
/// Collects the stats of every revision that has a Metric: activators report them, and queue-proxies are scraped every second. A revision
/// whose scrape takes longer than a second misses turns; scrapes never pile up.
/// </summary>
internal sealed partial class MetricCollector : IMetricSource
{
    /// <summary>Interval between scrapes.</summary>
    public static readonly TimeSpan ScrapeInterval = TimeSpan.FromSeconds(1);

    private static readonly Meter Meter = new("Serving.Autoscaler");
    private static readonly Histogram<double> ScrapeDuration = Meter.CreateHistogram<double>(
        "kn.autoscaler.scrape.duration",
        "s",
        "The duration of scraping the revision",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        }
    );

    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<ObjectKey, MetricCollection> _collections = new();
    private readonly Heartbeat _heartbeat;
    private readonly IPodScraper _scraper;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public MetricCollector(IPodScraper scraper, TimeProvider time, ILogger logger)
    {
        _scraper = scraper;
        _time = time;
        _logger = logger;
        _heartbeat = new Heartbeat("collecting metrics", StuckAfter, time);
    }

    /// <summary>Null while it starts scrapes every second, or is not running; otherwise since when it has been stuck.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>Raised when scraping a revision starts to fail or recovers. Handlers must be fast; any thread.</summary>
    public event Action<ObjectKey>? Changed;

    /// <summary>Starts to collect, or applies new windows; returns why the last scrape failed, or null.</summary>
    public CollectionFailure? Ensure(Metric metric)
    {
        var collection = _collections.GetOrAdd(ObjectKey.Of(metric), _ => new MetricCollection(metric));
        if (!ReferenceEquals(collection.Metric, metric))
            collection.Update(metric, _time.GetUtcNow());
        return collection.Failure;
    }

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key) => _collections.TryRemove(key, out _);

    /// <summary>Removes all revisions.</summary>
    public void Clear() => _collections.Clear();

    /// <summary>Records a stat from an activator; ignored if the revision is not being collected.</summary>
    public void Record(ObjectKey key, in Stat stat)
    {
        if (_collections.TryGetValue(key, out var collection))
            collection.Record(_time.GetUtcNow(), stat);
    }

    public (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now) =>
        _collections.TryGetValue(key, out var collection) ? collection.Average(metric == AutoscalingKeys.RpsMetric, now) : null;

    /// <summary>Scrapes every <see cref="ScrapeInterval"/> until cancelled; returns when the running scrapes have ended.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(ScrapeInterval, _time);
        var running = new HashSet<Task>();
        try
        {
            _heartbeat.Beat();
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                _heartbeat.Beat();
                running.RemoveWhere(task => task.IsCompleted);
                foreach (var (key, collection) in _collections)
                {
                    if (collection.TryBeginScrape())
                        running.Add(ScrapeAsync(key, collection, cancellation));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The term has ended.
        }
        finally
        {
            _heartbeat.Idle();
        }

        await Task.WhenAll(running);
    }

    /// <summary>Scrapes one revision, after <see cref="MetricCollection.TryBeginScrape"/>; never throws.</summary>
    internal async Task ScrapeAsync(ObjectKey key, MetricCollection collection, CancellationToken cancellation)
    {
        CollectionFailure? failure = null;
        try
        {
            var metric = collection.Metric;
            if (metric.Spec.ScrapeTarget.Length > 0)
            {
                var started = _time.GetTimestamp();
                if (await _scraper.ScrapeAsync(metric, collection.Memory, cancellation) is { } stat)
                {
                    Measure(metric, _time.GetElapsedTime(started));
                    collection.Record(_time.GetUtcNow(), stat);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
        catch (Exception error)
        {
            failure = new CollectionFailure((error as ScrapeException)?.Reason ?? CollectionFailure.CollectionFailed, error.Message);
            LogFailure(key, error.Message);
        }
        finally
        {
            collection.EndScrape();
        }

        if (collection.NoteFailure(failure))
            Changed?.Invoke(key);
    }

    private static void Measure(Metric metric, TimeSpan duration) =>
        ScrapeDuration.Record(
            duration.TotalSeconds,
            new("k8s.namespace.name", metric.Metadata.Namespace),
            new("kn.service.name", metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "")),
            new("kn.configuration.name", metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, ""))
        );

    [LoggerMessage(2, LogLevel.Warning, "Collecting the stats of revision {Key} failed: {Reason}")]
    private partial void LogFailure(ObjectKey key, string reason);
}
