namespace Serving.Autoscaler.Scaling;

/// <summary>The parameters of a revision's scale: its annotations, with the cluster's configuration as defaults.</summary>
internal sealed record DeciderSpec
{
    /// <summary><c>concurrency</c> or <c>rps</c>.</summary>
    public string ScalingMetric { get; init; } = "concurrency";

    /// <summary>Maximum factor by which one decision may raise the number of pods.</summary>
    public double MaxScaleUpRate { get; init; }

    /// <summary>Maximum factor by which one decision may lower the number of pods.</summary>
    public double MaxScaleDownRate { get; init; }

    /// <summary>Target value of the metric per pod.</summary>
    public double TargetValue { get; init; }

    /// <summary>Maximum value of the metric per pod.</summary>
    public double TotalValue { get; init; }

    /// <summary>Burst capacity that the pods need before activators leave the path; -1: they never leave, 0: they always leave.</summary>
    public double TargetBurstCapacity { get; init; }

    /// <summary>Capacity of one activator, in requests in flight.</summary>
    public double ActivatorCapacity { get; init; }

    /// <summary>Panic mode starts when the desired scale exceeds the ready pods by this factor.</summary>
    public double PanicThreshold { get; init; }

    /// <summary>The stable window; also the time without a surge after which panic mode ends.</summary>
    public TimeSpan StableWindow { get; init; }

    /// <summary>How long the load must be lower before pods are removed.</summary>
    public TimeSpan ScaleDownDelay { get; init; }

    /// <summary>Initial number of pods of a new revision.</summary>
    public int InitialScale { get; init; }

    /// <summary>Whether the revision has not reached its initial scale yet, which then takes part in the scale-down delay.</summary>
    public bool IsInitializing { get; init; }

    /// <summary>Minimum scale when scaling up from zero; values below 2 have no effect.</summary>
    public int ActivationScale { get; init; }

    /// <summary>The number of pods that an idle revision keeps parked. The scale-down rate, which limits how many pods are removed, does
    /// not apply to them.</summary>
    public int Reserve { get; init; }

    /// <summary>Whether a Route refers to the revision.</summary>
    public bool Reachable { get; init; } = true;
}
