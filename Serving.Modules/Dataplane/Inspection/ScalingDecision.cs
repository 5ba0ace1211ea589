namespace Serving.Dataplane.Inspection;

/// <summary>A decision of the decider, step by step.</summary>
/// <param name="At">The time.</param>
/// <param name="Stable">The metric's average over the stable window, over all pods.</param>
/// <param name="Panic">The metric's average over the panic window, over all pods.</param>
/// <param name="ReadyPods">The number of ready pods.</param>
/// <param name="Least">The lower bound of one decision, from the scale-down rate.</param>
/// <param name="Most">The upper bound of one decision, from the scale-up rate.</param>
/// <param name="StableWish">Pods that the stable window requires.</param>
/// <param name="PanicWish">Pods that the panic window requires.</param>
/// <param name="StablePods">The former within the bounds and the activation scale.</param>
/// <param name="PanicPods">The latter within the bounds and the activation scale.</param>
/// <param name="PanickingSince">When the load last exceeded the panic threshold; null when it is not in panic mode.</param>
/// <param name="BeforeDelay">The scale before the scale-down delay.</param>
/// <param name="DesiredPods">The desired scale, before min-scale and max-scale.</param>
/// <param name="ExcessBurstCapacity">Spare capacity beyond the target burst capacity; if negative, activators must be in the path.</param>
public readonly record struct ScalingDecision(
    DateTimeOffset At,
    double Stable,
    double Panic,
    int ReadyPods,
    double Least,
    double Most,
    double StableWish,
    double PanicWish,
    int StablePods,
    int PanicPods,
    DateTimeOffset? PanickingSince,
    int BeforeDelay,
    int DesiredPods,
    int ExcessBurstCapacity
);
