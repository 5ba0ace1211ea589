using System.Collections.Concurrent;
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
        var collection = Find(metric);
        if (!ReferenceEquals(collection.Metric, metric))
            collection.Update(metric, _time.GetUtcNow());
        return collection.Failure;
    }

    /// <summary>Pauses or continues the scrapes of a revision, such as one whose pods are parked.</summary>
    public void Pause(ObjectKey key, bool isPaused)
    {
        if (_collections.TryGetValue(key, out var collection))
            collection.IsPaused = isPaused;
    }

    /// <summary>Why the last scrape of a revision failed; null when it did not.</summary>
    public string? FailureOf(ObjectKey key) => _collections.GetValueOrDefault(key)?.Failure?.Message;

    /// <summary>What is known of the way to a revision's pods; null for a revision that is not collected.</summary>
    public ScrapeMemory? MemoryOf(ObjectKey key) => _collections.GetValueOrDefault(key)?.Memory;

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key)
    {
        if (_collections.TryRemove(key, out var removed))
            ScrapeMetrics.Configurations.Remove(removed.Owner);
    }

    /// <summary>Removes all revisions.</summary>
    public void Clear()
    {
        foreach (var (key, _) in _collections)
            Remove(key);
    }

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
                running.RemoveWhere(static task => task.IsCompleted);
                StartScrapes(running, cancellation);
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

    /// <summary>Starts the scrapes of one tick, and adds those that wait for a pod. A revision without pods costs a look at the
    /// cache.</summary>
    internal void StartScrapes(HashSet<Task> running, CancellationToken cancellation)
    {
        foreach (var (key, collection) in _collections)
        {
            if (
                !collection.IsPaused
                && collection.TryBeginScrape()
                && ScrapeAsync(key, collection, cancellation) is { IsCompleted: false } scrape
            )
                running.Add(scrape);
        }
    }

    /// <summary>Scrapes one revision, after <see cref="MetricCollection.TryBeginScrape"/>; never throws.</summary>
    internal async Task ScrapeAsync(ObjectKey key, MetricCollection collection, CancellationToken cancellation)
    {
        CollectionFailure? failure = null;
        var started = _time.GetTimestamp();
        try
        {
            var metric = collection.Metric;
            if (metric.Spec.ScrapeTarget.Length > 0)
            {
                if (await _scraper.ScrapeAsync(metric, collection.Memory, cancellation) is { } stat)
                {
                    ScrapeMetrics.Scraped(collection.Owner, _time.GetElapsedTime(started));
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
            ScrapeMetrics.Failed(failure.Reason);

            // Without endpoints nothing was scraped.
            if (failure.Reason != CollectionFailure.NoEndpoints)
                ScrapeMetrics.Scraped(collection.Owner, _time.GetElapsedTime(started));
            LogFailure(key, error.Message);
        }
        finally
        {
            collection.EndScrape();
        }

        if (collection.NoteFailure(failure))
            Changed?.Invoke(key);
    }

    private MetricCollection Find(Metric metric)
    {
        var key = ObjectKey.Of(metric);
        if (_collections.TryGetValue(key, out var known))
            return known;
        var added = new MetricCollection(metric);
        ScrapeMetrics.Configurations.Add(added.Owner);
        if (_collections.TryAdd(key, added))
            return added;
        ScrapeMetrics.Configurations.Remove(added.Owner);
        return Find(metric);
    }

    [LoggerMessage(2, LogLevel.Warning, "Collecting the stats of revision {Key} failed: {Reason}")]
    private partial void LogFailure(ObjectKey key, string reason);
}
