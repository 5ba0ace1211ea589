using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Serving.Kubernetes.Queue;

/// <summary>
/// The metrics of work queues, with the names of the reference (<c>kn.workqueue.*</c>) and the queue's name as the attribute <c>name</c>.
/// They cost nothing while nothing listens to the meter.
/// </summary>
public static class WorkQueueMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes";

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<IObserved, byte> Queues = new();

    private static readonly Counter<long> Adds = Meter.CreateCounter<long>(
        "kn.workqueue.adds",
        "{item}",
        "Number of items added to the queue"
    );

    private static readonly Counter<long> Retries = Meter.CreateCounter<long>(
        "kn.workqueue.retries",
        "{item}",
        "Number of items re-added to the queue"
    );

    private static readonly UpDownCounter<long> Depth = Meter.CreateUpDownCounter<long>(
        "kn.workqueue.depth",
        "{item}",
        "Number of current items in the queue"
    );

    private static readonly InstrumentAdvice<double> Buckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private static readonly Histogram<double> QueueDuration = Meter.CreateHistogram(
        "kn.workqueue.queue.duration",
        "s",
        "How long an item stays in the queue",
        null,
        Buckets
    );

    private static readonly Histogram<double> ProcessDuration = Meter.CreateHistogram(
        "kn.workqueue.process.duration",
        "s",
        "How long processing an item takes",
        null,
        Buckets
    );

    static WorkQueueMetrics()
    {
        Meter.CreateObservableGauge("kn.workqueue.unfinished_work", () => Observe(q => q.UnfinishedSeconds), "s");
        Meter.CreateObservableGauge("kn.workqueue.longest_running_processor", () => Observe(q => q.LongestRunningSeconds), "s");
    }

    /// <summary>A queue whose work in progress can be observed.</summary>
    internal interface IObserved
    {
        string Name { get; }
        double UnfinishedSeconds { get; }
        double LongestRunningSeconds { get; }
    }

    internal static void Open(IObserved queue) => Queues.TryAdd(queue, 0);

    internal static void Close(IObserved queue) => Queues.TryRemove(queue, out _);

    internal static void Added(KeyValuePair<string, object?> name)
    {
        Adds.Add(1, name);
        Depth.Add(1, name);
    }

    internal static void Taken(KeyValuePair<string, object?> name, TimeSpan waited)
    {
        Depth.Add(-1, name);
        QueueDuration.Record(waited.TotalSeconds, name);
    }

    internal static void Dropped(KeyValuePair<string, object?> name, int items) => Depth.Add(-items, name);

    internal static void Processed(KeyValuePair<string, object?> name, TimeSpan took) => ProcessDuration.Record(took.TotalSeconds, name);

    internal static void Retried(KeyValuePair<string, object?> name) => Retries.Add(1, name);

    private static IEnumerable<Measurement<double>> Observe(Func<IObserved, double> value) =>
        Queues.Keys.Select(queue => new Measurement<double>(value(queue), new KeyValuePair<string, object?>("name", queue.Name)));
}
