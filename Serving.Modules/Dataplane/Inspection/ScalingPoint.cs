namespace Serving.Dataplane.Inspection;

/// <summary>What a decider saw and decided at one moment.</summary>
/// <param name="At">The time.</param>
/// <param name="Stable">The metric's average over the stable window, over all pods.</param>
/// <param name="Panic">The metric's average over the panic window, over all pods.</param>
/// <param name="DesiredPods">The desired scale, before min-scale and max-scale.</param>
/// <param name="ReadyPods">The number of ready pods.</param>
/// <param name="IsPanicking">Whether it was in panic mode.</param>
public readonly record struct ScalingPoint(DateTimeOffset At, float Stable, float Panic, int DesiredPods, int ReadyPods, bool IsPanicking);
