using Serving.Autoscaler.Aggregation;

namespace Serving.Autoscaler.Scaling;

/// <summary>
/// Decides one revision's scale from averages over a stable window and a short panic window. Invariant: in panic mode the
/// scale never falls. Not safe for concurrent use.
/// </summary>
internal sealed class Decider
{
    private readonly DelayWindow? delay;
    private DateTimeOffset? panickingSince;
    private int mostPanicPods;

    /// <param name="spec">What to decide by.</param>
    /// <param name="readyPods">
    /// Pods that are ready already. With more than one the decider begins in panic mode: what was measured before a restart
    /// is lost, and a revision must not be scaled down for that.
    /// </param>
    /// <param name="now">The time.</param>
    /// <param name="tick">Time between evaluations, by which the scale-down delay is divided.</param>
    public Decider(DeciderSpec spec, int readyPods, DateTimeOffset now, TimeSpan tick)
    {
        Spec = spec;
        delay = spec.ScaleDownDelay > TimeSpan.Zero ? new DelayWindow(spec.ScaleDownDelay, tick) : null;
        mostPanicPods = readyPods;
        if (readyPods > 1) panickingSince = now;
    }

    /// <summary>What it decides by; the scale-down delay stays what it was at first.</summary>
    public DeciderSpec Spec { get; private set; }

    /// <summary>Whether it is in panic mode.</summary>
    public bool IsPanicking => panickingSince is not null;

    /// <summary>Takes over what to decide by. The initial scale that was reached meanwhile is kept for the scale-down delay.</summary>
    public void Update(DeciderSpec spec, DateTimeOffset now)
    {
        if (Spec.IsInitializing && !spec.IsInitializing && spec.Reachable) delay?.Record(now, Spec.InitialScale);
        Spec = spec;
    }

    /// <summary>Decides.</summary>
    /// <param name="now">The time.</param>
    /// <param name="stable">The metric's average over the stable window, over all pods.</param>
    /// <param name="panic">The metric's average over the panic window, over all pods.</param>
    /// <param name="readyPods">Pods that are ready.</param>
    public Decision Decide(DateTimeOffset now, double stable, double panic, int readyPods)
    {
        // A revision at zero counts as one pod, or rates could never lift it.
        var pods = Math.Max(1, readyPods);

        // Rounded outwards, so that a rate close to 1 still lets one pod more or less be.
        var most = Math.Ceiling(Spec.MaxScaleUpRate * pods);
        var least = Spec.Reachable ? Math.Floor(pods / Spec.MaxScaleDownRate) : 0;
        var stableWish = Math.Ceiling(stable / Spec.TargetValue);
        var panicWish = Math.Ceiling(panic / Spec.TargetValue);
        var stablePods = WithActivationScale(stableWish, Bounded(stableWish, least, most));
        var panicPods = WithActivationScale(panicWish, Bounded(panicWish, least, most));

        UpdatePanic(now, isOverThreshold: panicWish / pods >= Spec.PanicThreshold);
        var desired = stablePods;
        if (IsPanicking)
        {
            // The stable window may ask for more than the panic window does.
            mostPanicPods = Math.Max(mostPanicPods, Math.Max(stablePods, panicPods));
            desired = mostPanicPods;
        }

        if (Spec.Reachable && delay is not null) desired = delay.Record(now, Spec.IsInitializing ? Math.Max(desired, Spec.InitialScale) : desired);
        return new Decision(desired, ExcessBurstCapacity(panic, readyPods));
    }

    /// <summary>The excess burst capacity before anything was measured.</summary>
    public static int InitialExcessBurstCapacity(DeciderSpec spec)
        => spec.TargetBurstCapacity is -1 or 0 ? (int)spec.TargetBurstCapacity : ToInt((spec.InitialScale * spec.TotalValue) - spec.TargetBurstCapacity);

    private static int Bounded(double wish, double least, double most) => ToInt(Math.Min(Math.Max(wish, least), most));

    private static int ToInt(double value) => (int)Math.Clamp(value, int.MinValue, int.MaxValue);

    private int WithActivationScale(double wish, int pods)
        => Spec.ActivationScale > 1 && wish > 0 ? Math.Max(Spec.ActivationScale, pods) : pods;

    private void UpdatePanic(DateTimeOffset now, bool isOverThreshold)
    {
        if (isOverThreshold)
        {
            panickingSince = now;
        }
        else if (panickingSince is { } since && since + Spec.StableWindow < now)
        {
            panickingSince = null;
            mostPanicPods = 0;
        }
    }

    /// <summary>By the panic window, since taking activators out of the path in a hurry helps nobody.</summary>
    private int ExcessBurstCapacity(double panic, int readyPods) => Spec.TargetBurstCapacity switch
    {
        0 => 0,
        > 0 => ToInt(Math.Floor((readyPods * Spec.TotalValue) - Spec.TargetBurstCapacity - panic)),
        _ => -1,
    };
}
