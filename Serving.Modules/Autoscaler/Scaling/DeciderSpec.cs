namespace Serving.Autoscaler.Scaling;

/// <summary>What a revision's scale is decided by: its annotations over the cluster's configuration.</summary>
internal sealed record DeciderSpec
{
    /// <summary><c>concurrency</c> or <c>rps</c>.</summary>
    public string ScalingMetric { get; init; } = "concurrency";

    /// <summary>The factor by which one decision may raise the pods.</summary>
    public double MaxScaleUpRate { get; init; }

    /// <summary>The factor by which one decision may lower the pods.</summary>
    public double MaxScaleDownRate { get; init; }

    /// <summary>The metric's value per pod that is aimed at.</summary>
    public double TargetValue { get; init; }

    /// <summary>The metric's value that one pod can take.</summary>
    public double TotalValue { get; init; }

    /// <summary>Requests that the pods must be able to take on top before activators leave the path; -1: never leave, 0: always.</summary>
    public double TargetBurstCapacity { get; init; }

    /// <summary>Requests in flight that one activator is trusted with.</summary>
    public double ActivatorCapacity { get; init; }

    /// <summary>Factor over the ready pods at which panic mode begins.</summary>
    public double PanicThreshold { get; init; }

    /// <summary>The stable window, and the time without a surge after which panic mode ends.</summary>
    public TimeSpan StableWindow { get; init; }

    /// <summary>Time at a lower load before pods are taken away.</summary>
    public TimeSpan ScaleDownDelay { get; init; }

    /// <summary>Pods that a new revision starts with.</summary>
    public int InitialScale { get; init; }

    /// <summary>Whether the revision has not had its initial scale yet: that counts for the scale-down delay.</summary>
    public bool IsInitializing { get; init; }

    /// <summary>The least that is scaled to from zero; below 2 it means nothing.</summary>
    public int ActivationScale { get; init; }

    /// <summary>Whether a Route refers to the revision.</summary>
    public bool Reachable { get; init; } = true;
}
