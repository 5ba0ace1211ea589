namespace Serving.Autoscaler.Scaling;

/// <summary>The state of one revision's decider, for metrics.</summary>
internal sealed record ScalingSample(
    string Metric,
    int DesiredPods,
    double ExcessBurstCapacity,
    double Stable,
    double Panic,
    double Target,
    bool IsPanicking
);
