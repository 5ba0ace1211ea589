namespace Serving.Autoscaler.Scaling;

/// <summary>The latest decision for a revision.</summary>
/// <param name="DesiredScale">Desired number of pods; -1 while unknown.</param>
/// <param name="ExcessBurstCapacity">If negative, activators must be in the path.</param>
internal readonly record struct DeciderStatus(int DesiredScale, int ExcessBurstCapacity);
