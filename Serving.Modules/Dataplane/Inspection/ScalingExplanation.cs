namespace Serving.Dataplane.Inspection;

/// <summary>Why a revision has its scale: the parameters, the latest decision step by step, and what was made of it.</summary>
public sealed record ScalingExplanation
{
    /// <summary><c>concurrency</c> or <c>rps</c>.</summary>
    public required string Metric { get; init; }

    /// <summary>The stable window.</summary>
    public required TimeSpan StableWindow { get; init; }

    /// <summary>The panic window.</summary>
    public required TimeSpan PanicWindow { get; init; }

    /// <summary>Panic mode starts when the panic window requires this many times the ready pods.</summary>
    public required double PanicThreshold { get; init; }

    /// <summary>Target value of the metric per pod.</summary>
    public required double Target { get; init; }

    /// <summary>Maximum value of the metric per pod.</summary>
    public required double Total { get; init; }

    /// <summary>Maximum factor by which one decision may raise the number of pods.</summary>
    public required double MaxScaleUpRate { get; init; }

    /// <summary>Maximum factor by which one decision may lower the number of pods.</summary>
    public required double MaxScaleDownRate { get; init; }

    /// <summary>Burst capacity that the pods need before activators leave the path; -1: never, 0: always.</summary>
    public required double TargetBurstCapacity { get; init; }

    /// <summary>How long the load must be lower before pods are removed.</summary>
    public required TimeSpan ScaleDownDelay { get; init; }

    /// <summary>Minimum scale, as configured; 0 also while no Route refers to the revision.</summary>
    public required int MinScale { get; init; }

    /// <summary>Maximum scale; 0 is no limit.</summary>
    public required int MaxScale { get; init; }

    /// <summary>Initial scale of a new revision.</summary>
    public required int InitialScale { get; init; }

    /// <summary>Minimum scale when scaling up from zero.</summary>
    public required int ActivationScale { get; init; }

    /// <summary>Whether a Route refers to the revision.</summary>
    public required bool IsReachable { get; init; }

    /// <summary>Whether the initial scale has been reached.</summary>
    public required bool IsInitialized { get; init; }

    /// <summary>Whether scaling to zero is enabled.</summary>
    public required bool ScalesToZero { get; init; }

    /// <summary>Maximum time that the last pod waits for activators to enter the path.</summary>
    public required TimeSpan ScaleToZeroGracePeriod { get; init; }

    /// <summary>How long the last pod is retained.</summary>
    public required TimeSpan LastPodRetention { get; init; }

    /// <summary>The latest decision; null while there are no stats.</summary>
    public required ScalingDecision? Decision { get; init; }

    /// <summary>The lower bound in effect.</summary>
    public required int LowerBound { get; init; }

    /// <summary>The upper bound in effect; 0 is no limit.</summary>
    public required int UpperBound { get; init; }

    /// <summary>The scale within the bounds; null while it is unknown.</summary>
    public required int? Bounded { get; init; }

    /// <summary>The scale of the last reconcile, with the steps to zero; null while it is unknown.</summary>
    public required int? Wanted { get; init; }

    /// <summary>The replicas that were requested from Kubernetes: those that are wanted, and those that are parked, kept in reserve, or
    /// stand in for pods that take no more requests; null while unknown.</summary>
    public required int? Requested { get; init; }

    /// <summary>The pods that it keeps parked while it is idle; null when its settings ask for none.</summary>
    public required ReserveExplanation? Reserve { get; init; }

    /// <summary>The number of requests after which a pod is replaced; null for no limit.</summary>
    public required int? MaxRequestsPerPod { get; init; }

    /// <summary>Pods that take no more requests and still serve some; null unless pods are replaced.</summary>
    public required int? Finishing { get; init; }

    /// <summary>Why collecting stats fails; null when it does not.</summary>
    public required string? CollectionFailure { get; init; }

    /// <summary>The decisions of the last ten minutes; null when no history is kept for this revision.</summary>
    public required IReadOnlyList<ScalingPoint>? History { get; init; }
}
