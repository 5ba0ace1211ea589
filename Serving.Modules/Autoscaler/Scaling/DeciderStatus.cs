namespace Serving.Autoscaler.Scaling;

/// <summary>The newest decision about a revision.</summary>
/// <param name="DesiredScale">Pods wanted; -1 until known.</param>
/// <param name="ExcessBurstCapacity">Negative: activators must be in the path.</param>
internal readonly record struct DeciderStatus(int DesiredScale, int ExcessBurstCapacity);
