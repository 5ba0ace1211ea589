using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Scaling;

/// <summary>
/// The deciders of all revisions. Each is evaluated every 2 s, and at once when a revision at zero gets a request or one of
/// its pods becomes ready. Invariant: one decider is never evaluated twice at the same time.
/// </summary>
internal sealed partial class Deciders
{
    /// <summary>Time between evaluations.</summary>
    public static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<ObjectKey, Entry> entries = new();
    private readonly Heartbeat heartbeat;
    private readonly IMetricSource metrics;
    private readonly Func<ObjectKey, int> readyPods;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    /// <param name="metrics">What was measured.</param>
    /// <param name="readyPods">Counts the ready pods of a revision.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where changes of mode are said.</param>
    public Deciders(IMetricSource metrics, Func<ObjectKey, int> readyPods, TimeProvider time, ILogger logger)
    {
        this.metrics = metrics;
        this.readyPods = readyPods;
        this.time = time;
        this.logger = logger;
        heartbeat = new Heartbeat("deciding", Patience, time);
    }

    /// <summary>Null while it evaluates every tick, or does not run; else since when it has not.</summary>
    public string? StuckReason => heartbeat.StuckReason;

    /// <summary>Called when a revision should be reconciled because of a decision; quick, from any thread.</summary>
    public event Action<ObjectKey>? Changed;

    /// <summary>What the metrics tell of each revision.</summary>
    public IEnumerable<(ObjectKey Key, ScalingSample Sample)> Samples
        => entries.Select(e => (e.Key, e.Value.Sample)).Where(e => e.Sample is not null).Select(e => (e.Key, e.Sample!));

    /// <summary>Creates the decider of a revision, or gives it a new specification; tells the newest decision.</summary>
    public DeciderStatus Ensure(ObjectKey key, DeciderSpec spec)
    {
        var entry = entries.GetOrAdd(key, k => new Entry(new Decider(spec, readyPods(k), time.GetUtcNow(), TickInterval)));
        lock (entry)
        {
            if (entry.Decider.Spec != spec) entry.Decider.Update(spec, time.GetUtcNow());
            return entry.Status;
        }
    }

    /// <summary>Forgets a revision.</summary>
    public void Remove(ObjectKey key) => entries.TryRemove(key, out _);

    /// <summary>Forgets all.</summary>
    public void Clear() => entries.Clear();

    /// <summary>Evaluates at once when the revision is at zero (or not known yet) and <paramref name="stat"/> says that a request is waiting.</summary>
    public void Poke(ObjectKey key, in Stat stat)
    {
        if (stat.AverageConcurrentRequests == 0 || !entries.TryGetValue(key, out var entry) || Volatile.Read(ref entry.DesiredScale) > 0) return;
        Evaluate(key, entry);
    }

    /// <summary>Evaluates a revision now.</summary>
    public void Evaluate(ObjectKey key)
    {
        if (entries.TryGetValue(key, out var entry)) Evaluate(key, entry);
    }

    /// <summary>Evaluates all, every <see cref="TickInterval"/>, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TickInterval, time);
        try
        {
            heartbeat.Beat();
            while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
            {
                heartbeat.Beat();
                EvaluateAll();
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the term.
        }
        finally
        {
            heartbeat.Rest();
        }
    }

    /// <summary>Evaluates all.</summary>
    public void EvaluateAll()
    {
        foreach (var (key, entry) in entries) Evaluate(key, entry);
    }

    private void Evaluate(ObjectKey key, Entry entry)
    {
        var changed = false;
        lock (entry)
        {
            var now = time.GetUtcNow();
            var decider = entry.Decider;
            if (metrics.Average(key, decider.Spec.ScalingMetric, now) is not { } average) return;
            var wasPanicking = decider.IsPanicking;
            var decision = decider.Decide(now, average.Stable, average.Panic, readyPods(key));
            if (wasPanicking != decider.IsPanicking) LogPanic(key, decider.IsPanicking);
            changed = entry.Accept(decision);
            entry.Sample = new ScalingSample(
                decider.Spec.ScalingMetric, decision.DesiredPods, decision.ExcessBurstCapacity, average.Stable, average.Panic,
                decider.Spec.TargetValue, decider.IsPanicking);
        }

        if (changed) Changed?.Invoke(key);
    }

    [LoggerMessage(1, LogLevel.Information, "Revision {Key}: panic mode is {IsPanicking}")]
    private partial void LogPanic(ObjectKey key, bool isPanicking);

    private sealed class Entry
    {
        /// <summary>Pods wanted; -1 until known. Read without the lock to tell quickly whether a revision is at zero.</summary>
        public int DesiredScale = -1;

        private int excessBurstCapacity;

        public Entry(Decider decider)
        {
            Decider = decider;
            excessBurstCapacity = Decider.InitialExcessBurstCapacity(decider.Spec);
        }

        public Decider Decider { get; }

        public ScalingSample? Sample { get; set; }

        public DeciderStatus Status => new(DesiredScale, excessBurstCapacity);

        /// <summary>Takes a decision over; true when it matters to the PodAutoscaler: another scale, or activators in or out of the path.</summary>
        public bool Accept(Decision decision)
        {
            var matters = decision.DesiredPods != DesiredScale || (decision.ExcessBurstCapacity < 0) != (excessBurstCapacity < 0);
            Volatile.Write(ref DesiredScale, decision.DesiredPods);
            excessBurstCapacity = decision.ExcessBurstCapacity;
            return matters;
        }
    }
}
