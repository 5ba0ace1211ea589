namespace Serving.Autoscaler.Scaling;

/// <summary>The result of one evaluation.</summary>
/// <param name="DesiredPods">Desired number of pods, before min-scale and max-scale are applied.</param>
/// <param name="ExcessBurstCapacity">Spare capacity beyond the target burst capacity, in requests; if negative, activators must be in the
/// path.</param>
internal readonly record struct Decision(int DesiredPods, int ExcessBurstCapacity);
