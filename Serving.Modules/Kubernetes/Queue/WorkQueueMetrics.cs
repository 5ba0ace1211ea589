using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Kubernetes.Queue;

/// <summary>
/// The metrics of work queues, with the names of the reference (<c>kn.workqueue.*</c>) and the queue's name as the attribute <c>name</c>.
/// They cost nothing while nothing listens to the meter. The shards of a reconciler have queues of one name, which are one series; what a
/// queue holds is read when metrics are collected, so that an exporter that starts later reports it too.
/// </summary>
public static class WorkQueueMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes";

    /// <summary>The name of a queue.</summary>
    internal static readonly MetricAttribute QueueName = new("name", "the reconciler whose queue it is");

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<IObserved, byte> Queues = new();

    private static readonly Counter<long> Adds = Meter
        .CreateCounter<long>("kn.workqueue.adds", "{item}", "Number of items added to the queue")
        .With(QueueName);

    private static readonly Counter<long> Retries = Meter
        .CreateCounter<long>("kn.workqueue.retries", "{item}", "Number of items re-added to the queue")
        .With(QueueName);

    private static readonly Histogram<double> QueueDuration = Meter
        .CreateHistogram("kn.workqueue.queue.duration", "s", "How long an item stays in the queue", null, SecondsBuckets.Short)
        .With(QueueName);

    private static readonly Histogram<double> ProcessDuration = Meter
        .CreateHistogram("kn.workqueue.process.duration", "s", "How long processing an item takes", null, SecondsBuckets.Short)
        .With(QueueName);

    static WorkQueueMetrics()
    {
        Meter
            .CreateObservableUpDownCounter(
                "kn.workqueue.depth",
                () => Observe(static queue => (long)queue.Queued, static (one, other) => one + other),
                "{item}",
                "Number of current items in the queue"
            )
            .With(QueueName);
        Meter
            .CreateObservableGauge(
                "kn.workqueue.unfinished_work",
                () => Observe(static queue => queue.UnfinishedSeconds, static (one, other) => one + other),
                "s",
                "How long the items in progress have been processed, added up"
            )
            .With(QueueName);
        Meter
            .CreateObservableGauge(
                "kn.workqueue.longest_running_processor",
                () => Observe(static queue => queue.LongestRunningSeconds, Math.Max),
                "s",
                "How long the oldest item in progress has been processed"
            )
            .With(QueueName);
    }

    /// <summary>The states of all open queues of the process, by name.</summary>
    public static IReadOnlyList<WorkQueueState> States =>
        [.. Queues.Keys.Select(queue => queue.State).OrderBy(state => state.Name, StringComparer.Ordinal)];

    /// <summary>A queue whose work in progress can be observed.</summary>
    internal interface IObserved
    {
        string Name { get; }

        /// <summary>Keys that were added and not taken, those included that are being processed meanwhile.</summary>
        int Queued { get; }
        double UnfinishedSeconds { get; }
        double LongestRunningSeconds { get; }
        WorkQueueState State { get; }
    }

    internal static void Open(IObserved queue) => Queues.TryAdd(queue, 0);

    internal static void Close(IObserved queue) => Queues.TryRemove(queue, out _);

    internal static void Added(KeyValuePair<string, object?> name) => Adds.Add(1, name);

    internal static void Taken(KeyValuePair<string, object?> name, TimeSpan waited) => QueueDuration.Record(waited.TotalSeconds, name);

    internal static void Processed(KeyValuePair<string, object?> name, TimeSpan took) => ProcessDuration.Record(took.TotalSeconds, name);

    internal static void Retried(KeyValuePair<string, object?> name) => Retries.Add(1, name);

    private static IEnumerable<Measurement<T>> Observe<T>(Func<IObserved, T> value, Func<T, T, T> combine)
        where T : struct =>
        Queues
            .Keys.GroupBy(static queue => queue.Name, StringComparer.Ordinal)
            .Select(same => new Measurement<T>(same.Select(value).Aggregate(combine), QueueName.Of(same.Key)));
}
