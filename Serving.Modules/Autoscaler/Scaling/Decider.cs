using Serving.Autoscaler.Aggregation;
using Serving.Dataplane.Inspection;

namespace Serving.Autoscaler.Scaling;

/// <summary>
/// Decides the scale of one revision from averages over a stable window and a short panic window. Invariant: in panic mode the scale never
/// falls. Not thread-safe.
/// </summary>
internal sealed class Decider
{
    private readonly DelayWindow? _delay;
    private DateTimeOffset? _panickingSince;
    private int _mostPanicPods;

    /// <param name="spec">The parameters of the decision.</param>
    /// <param name="readyPods">
    /// The number of ready pods. With more than one the decider starts in panic mode: the stats from before a restart are lost, and the
    /// revision must not be scaled down because of that.
    /// </param>
    /// <param name="now">The time.</param>
    /// <param name="tick">Interval between evaluations; the granularity of the scale-down delay.</param>
    public Decider(DeciderSpec spec, int readyPods, DateTimeOffset now, TimeSpan tick)
    {
        Spec = spec;
        _delay = spec.ScaleDownDelay > TimeSpan.Zero ? new DelayWindow(spec.ScaleDownDelay, tick) : null;
        _mostPanicPods = readyPods;
        if (readyPods > 1)
            _panickingSince = now;
    }

    /// <summary>The parameters of the decision; the scale-down delay cannot change.</summary>
    public DeciderSpec Spec { get; private set; }

    /// <summary>Whether it is in panic mode.</summary>
    public bool IsPanicking => _panickingSince is not null;

    /// <summary>How the latest decision was made; default before the first.</summary>
    public ScalingDecision Steps { get; private set; }

    /// <summary>Applies new parameters. An initial scale reached in the meantime remains in effect for the scale-down delay.</summary>
    public void Update(DeciderSpec spec, DateTimeOffset now)
    {
        if (Spec.IsInitializing && !spec.IsInitializing && spec.Reachable)
            _delay?.Record(now, Spec.InitialScale);
        Spec = spec;
    }

    /// <summary>Computes the scale.</summary>
    /// <param name="now">The time.</param>
    /// <param name="stable">The metric's average over the stable window, over all pods.</param>
    /// <param name="panic">The metric's average over the panic window, over all pods.</param>
    /// <param name="readyPods">The number of ready pods.</param>
    public Decision Decide(DateTimeOffset now, double stable, double panic, int readyPods)
    {
        // A revision at zero counts as one pod; otherwise a scale-up rate would always yield zero.
        var pods = Math.Max(1, readyPods);

        // Rounded away from the current scale, so that even a rate close to 1 permits a change by one pod.
        var most = Math.Ceiling(Spec.MaxScaleUpRate * pods);
        var least = Spec.Reachable && pods > Spec.Reserve ? Math.Floor(pods / Spec.MaxScaleDownRate) : 0;
        var stableWish = Math.Ceiling(stable / Spec.TargetValue);
        var panicWish = Math.Ceiling(panic / Spec.TargetValue);
        var stablePods = WithActivationScale(stableWish, Bounded(stableWish, least, most));
        var panicPods = WithActivationScale(panicWish, Bounded(panicWish, least, most));

        UpdatePanic(now, isOverThreshold: panicWish / pods >= Spec.PanicThreshold);
        var desired = stablePods;
        if (IsPanicking)
        {
            // The stable window may require more than the panic window.
            _mostPanicPods = Math.Max(_mostPanicPods, Math.Max(stablePods, panicPods));
            desired = _mostPanicPods;
        }

        var beforeDelay = desired;
        if (Spec.Reachable && _delay is not null)
            desired = _delay.Record(now, Spec.IsInitializing ? Math.Max(desired, Spec.InitialScale) : desired);
        var excess = ExcessBurstCapacity(panic, readyPods);
        Steps = new ScalingDecision(
            now,
            stable,
            panic,
            readyPods,
            least,
            most,
            stableWish,
            panicWish,
            stablePods,
            panicPods,
            _panickingSince,
            beforeDelay,
            desired,
            excess
        );
        return new Decision(desired, excess);
    }

    /// <summary>The excess burst capacity before there are stats.</summary>
    public static int InitialExcessBurstCapacity(DeciderSpec spec) =>
        spec.TargetBurstCapacity is -1 or 0
            ? (int)spec.TargetBurstCapacity
            : ToInt((spec.InitialScale * spec.TotalValue) - spec.TargetBurstCapacity);

    private static int Bounded(double wish, double least, double most) => ToInt(Math.Min(Math.Max(wish, least), most));

    private static int ToInt(double value) => (int)Math.Clamp(value, int.MinValue, int.MaxValue);

    private int WithActivationScale(double wish, int pods) =>
        Spec.ActivationScale > 1 && wish > 0 ? Math.Max(Spec.ActivationScale, pods) : pods;

    private void UpdatePanic(DateTimeOffset now, bool isOverThreshold)
    {
        if (isOverThreshold)
        {
            _panickingSince = now;
        }
        else if (_panickingSince is { } since && since + Spec.StableWindow < now)
        {
            _panickingSince = null;
            _mostPanicPods = 0;
        }
    }

    /// <summary>From the panic window, because there is no benefit in removing activators from the path quickly.</summary>
    private int ExcessBurstCapacity(double panic, int readyPods) =>
        Spec.TargetBurstCapacity switch
        {
            0 => 0,
            > 0 => ToInt(Math.Floor((readyPods * Spec.TotalValue) - Spec.TargetBurstCapacity - panic)),
            _ => -1,
        };
}
