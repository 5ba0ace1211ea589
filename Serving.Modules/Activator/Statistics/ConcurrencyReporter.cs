using System.Collections.Concurrent;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Activator.Statistics;

/// <summary>
/// Counts the requests of each revision and reports them every second. The first request of an idle revision is reported at once, which
/// triggers the scale-up.
/// </summary>
/// <param name="podName">The name of the reporting pod.</param>
/// <param name="sink">Receives the stats.</param>
/// <param name="time">The clock.</param>
/// <param name="measured">Receives the average concurrency of each revision, without the requests that were reported at once; null for
/// none.</param>
internal sealed class ConcurrencyReporter(
    string podName,
    IRequestStatSink sink,
    TimeProvider time,
    Action<ObjectKey, double>? measured = null
)
{
    /// <summary>The reporting period.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ObjectKey, Counter> _counters = new();

    /// <summary>Records the start of a request. Pass the result to <see cref="End"/>.</summary>
    public Counter Begin(in ObjectKey revision)
    {
        while (true)
        {
            if (_counters.TryGetValue(revision, out var counter))
            {
                if (counter.TryBegin())
                    return counter;

                // It was idle and is being removed.
                _counters.TryRemove(KeyValuePair.Create(revision, counter));
                continue;
            }

            counter = new Counter(time);
            if (!_counters.TryAdd(revision, counter))
                continue;
            sink.Report(
                revision.Namespace,
                revision.Name,
                new Stat
                {
                    PodName = podName,
                    AverageConcurrentRequests = 1,
                    RequestCount = 1,
                }
            );
            return counter;
        }
    }

    /// <summary>Records the end of a request.</summary>
    public static void End(Counter counter) => counter.End();

    /// <summary>Reports each revision with requests, and removes those without.</summary>
    public void Report()
    {
        foreach (var (revision, counter) in _counters)
        {
            var (report, first) = counter.Report();
            var count = report.RequestCount - first;
            if (report.AverageConcurrency == 0 && counter.TryClose())
            {
                _counters.TryRemove(KeyValuePair.Create(revision, counter));

                // Requests that started and ended since the last report.
                count += counter.Report().Report.RequestCount;
            }

            // What was reported at once is not reported again.
            var concurrency = Math.Max(report.AverageConcurrency - first, 0);
            measured?.Invoke(revision, concurrency);
            sink.Report(
                revision.Namespace,
                revision.Name,
                new Stat
                {
                    PodName = podName,
                    AverageConcurrentRequests = concurrency,
                    RequestCount = count,
                }
            );
        }
    }

    /// <summary>
    /// The requests of one revision. Created with one request already started, so that any thread that finds it sees the request that was
    /// reported at once.
    /// </summary>
    internal sealed class Counter
    {
        private const int Closed = -1;

        private readonly RequestStats _stats;
        private int _references = 1;
        private double _first = 1;

        public Counter(TimeProvider time)
        {
            _stats = new RequestStats(time);
            _stats.Begin(proxied: false);
        }

        public bool TryBegin()
        {
            while (true)
            {
                var references = Volatile.Read(ref _references);
                if (references == Closed)
                    return false;
                if (Interlocked.CompareExchange(ref _references, references + 1, references) != references)
                    continue;
                _stats.Begin(proxied: false);
                return true;
            }
        }

        public void End()
        {
            _stats.End(proxied: false);
            Interlocked.Decrement(ref _references);
        }

        public bool TryClose() => Interlocked.CompareExchange(ref _references, Closed, 0) == 0;

        public (RequestStatsReport Report, double First) Report() => (_stats.Report(), Interlocked.Exchange(ref _first, 0));
    }
}
