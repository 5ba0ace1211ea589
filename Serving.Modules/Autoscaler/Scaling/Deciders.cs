using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Inspection;
using Serving.Dataplane.Inspection;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;

namespace Serving.Autoscaler.Scaling;

/// <summary>
/// The deciders of all revisions. Each is evaluated every 2 s, and immediately when a revision at zero gets a request or one of its pods
/// becomes ready. Invariant: a decider is never evaluated concurrently.
/// </summary>
internal sealed partial class Deciders
{
    /// <summary>Interval between evaluations.</summary>
    public static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<ObjectKey, Entry> _entries = new();
    private readonly Heartbeat _heartbeat;
    private readonly IMetricSource _metrics;
    private readonly Func<ObjectKey, int> _readyPods;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ScalingHistory? _history;

    /// <param name="metrics">The averages of each revision.</param>
    /// <param name="readyPods">Counts the ready pods of a revision.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs changes of the panic mode.</param>
    /// <param name="history">Records decisions for display; null for none.</param>
    public Deciders(
        IMetricSource metrics,
        Func<ObjectKey, int> readyPods,
        TimeProvider time,
        ILogger logger,
        ScalingHistory? history = null
    )
    {
        _history = history;
        _metrics = metrics;
        _readyPods = readyPods;
        _time = time;
        _logger = logger;
        _heartbeat = new Heartbeat("deciding", StuckAfter, time);
    }

    /// <summary>Null while it evaluates every tick, or is not running; otherwise since when it has been stuck.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>Raised when a decision requires a reconcile of the revision. Handlers must be fast; any thread.</summary>
    public event Action<ObjectKey>? Changed;

    /// <summary>Raised when a decision to scale a revision up from zero has been written. Handlers must be fast; any thread.</summary>
    public event Action<ScaleFromZero>? ScaledFromZero;

    /// <summary>The number of revisions.</summary>
    public int Count => _entries.Count;

    /// <summary>The samples of all revisions, for metrics.</summary>
    public IEnumerable<(ObjectKey Key, ScalingSample Sample)> Samples =>
        _entries.Select(e => (e.Key, e.Value.Sample)).Where(e => e.Sample is not null).Select(e => (e.Key, e.Sample!));

    /// <summary>Creates the decider of a revision, or updates its parameters; returns the latest decision.</summary>
    public DeciderStatus Ensure(ObjectKey key, DeciderSpec spec)
    {
        var entry = _entries.GetOrAdd(key, k => new Entry(new Decider(spec, _readyPods(k), _time.GetUtcNow(), TickInterval)));
        lock (entry)
        {
            if (entry.Decider.Spec != spec)
                entry.Decider.Update(spec, _time.GetUtcNow());
            return entry.Status;
        }
    }

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key)
    {
        if (_entries.TryRemove(key, out var entry) && _history is not null)
        {
            lock (entry)
            {
                _history.Remove(key);
            }
        }
    }

    /// <summary>Removes all revisions.</summary>
    public void Clear()
    {
        foreach (var key in _entries.Keys)
            Remove(key);
    }

    /// <summary>The parameters and the latest decision of a revision, for display; null while it has no decider. The steps are null before
    /// the first decision.</summary>
    public (DeciderSpec Spec, ScalingDecision? Steps)? Explain(ObjectKey key)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return null;
        lock (entry)
        {
            return (entry.Decider.Spec, entry.Sample is null ? null : entry.Decider.Steps);
        }
    }

    /// <summary>The decisions of the last ten minutes, the oldest first; null when none are kept.</summary>
    public IReadOnlyList<ScalingPoint>? HistoryOf(ObjectKey key) => _history?.Of(key, _time.GetUtcNow());

    /// <summary>Evaluates immediately if the revision is at zero (or unknown) and <paramref name="stat"/> reports a waiting
    /// request.</summary>
    public void Poke(ObjectKey key, in Stat stat)
    {
        if (stat.AverageConcurrentRequests == 0 || !_entries.TryGetValue(key, out var entry) || Volatile.Read(ref entry.DesiredScale) > 0)
            return;
        Evaluate(key, entry);
    }

    /// <summary>The replicas of a revision at zero were set; announces how long that took since the decision, once.</summary>
    public void Written(ObjectKey key)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return;
        long? decided;
        lock (entry)
        {
            decided = entry.RaisedAt;
            entry.RaisedAt = null;
        }

        if (decided is { } since)
            ScaledFromZero?.Invoke(new ScaleFromZero(key.Namespace, key.Name, _time.GetElapsedTime(since)));
    }

    /// <summary>Evaluates a revision immediately.</summary>
    public void Evaluate(ObjectKey key)
    {
        if (_entries.TryGetValue(key, out var entry))
            Evaluate(key, entry);
    }

    /// <summary>Evaluates all revisions every <see cref="TickInterval"/> until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TickInterval, _time);
        try
        {
            _heartbeat.Beat();
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                _heartbeat.Beat();
                EvaluateAll();
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
    }

    /// <summary>Evaluates all revisions.</summary>
    public void EvaluateAll()
    {
        foreach (var (key, entry) in _entries)
            Evaluate(key, entry);
    }

    private void Evaluate(ObjectKey key, Entry entry)
    {
        var changed = false;
        lock (entry)
        {
            var now = _time.GetUtcNow();
            var decider = entry.Decider;
            if (_metrics.Average(key, decider.Spec.ScalingMetric, now) is not { } average)
                return;
            var wasPanicking = decider.IsPanicking;
            var decision = decider.Decide(now, average.Stable, average.Panic, _readyPods(key));
            if (wasPanicking != decider.IsPanicking)
                LogPanic(key, decider.IsPanicking);
            if (decision.DesiredPods <= 0)
                entry.RaisedAt = null;
            else if (entry.DesiredScale <= 0)
                entry.RaisedAt = _time.GetTimestamp();
            changed = entry.Accept(decision);
            entry.Sample = new ScalingSample(
                decider.Spec.ScalingMetric,
                decision.DesiredPods,
                decision.ExcessBurstCapacity,
                average.Stable,
                average.Panic,
                decider.Spec.TargetValue,
                decider.IsPanicking
            );

            // Under the lock that Remove takes: a revision that was removed meanwhile gets no new history.
            if (_history is not null && _entries.GetValueOrDefault(key) == entry)
                _history.Record(key, decider.Steps);
        }

        if (changed)
            Changed?.Invoke(key);
    }

    [LoggerMessage(1, LogLevel.Information, "Revision {Key}: panic mode is {IsPanicking}")]
    private partial void LogPanic(ObjectKey key, bool isPanicking);

    private sealed class Entry
    {
        /// <summary>Desired number of pods; -1 while unknown. Read without the lock, as a fast check for a revision at zero.</summary>
        public int DesiredScale = -1;

        private int _excessBurstCapacity;

        /// <summary>When the scale was raised from zero; null once that has been written. Guarded by the lock on the entry.</summary>
        public long? RaisedAt;

        public Entry(Decider decider)
        {
            Decider = decider;
            _excessBurstCapacity = Decider.InitialExcessBurstCapacity(decider.Spec);
        }

        public Decider Decider { get; }

        public ScalingSample? Sample { get; set; }

        public DeciderStatus Status => new(DesiredScale, _excessBurstCapacity);

        /// <summary>Applies a decision; true when the PodAutoscaler must react: another scale, or activators into or out of the
        /// path.</summary>
        public bool Accept(Decision decision)
        {
            var matters = decision.DesiredPods != DesiredScale || (decision.ExcessBurstCapacity < 0) != (_excessBurstCapacity < 0);
            Volatile.Write(ref DesiredScale, decision.DesiredPods);
            _excessBurstCapacity = decision.ExcessBurstCapacity;
            return matters;
        }
    }
}
