namespace Serving.Autoscaler.Scaling;

/// <summary>What one evaluation came to.</summary>
/// <param name="DesiredPods">Pods wanted, before the bounds of min-scale and max-scale.</param>
/// <param name="ExcessBurstCapacity">Requests that could come on top of the target burst capacity; negative: activators must be in the path.</param>
internal readonly record struct Decision(int DesiredPods, int ExcessBurstCapacity);
