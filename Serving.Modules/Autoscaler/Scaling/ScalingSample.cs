namespace Serving.Autoscaler.Scaling;

/// <summary>What the metrics tell of one revision's decider.</summary>
internal sealed record ScalingSample(string Metric, int DesiredPods, double ExcessBurstCapacity, double Stable, double Panic, double Target, bool IsPanicking);
