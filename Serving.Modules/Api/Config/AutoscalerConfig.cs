namespace Serving.Api.Config;

/// <summary>config-autoscaler: cluster-wide settings of scaling, most of which a Revision's annotations may override.</summary>
public sealed record AutoscalerConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static AutoscalerConfig Default { get; } = new();

    /// <summary>Percent of the hard concurrency limit to aim at, (0, 100]; as written, so a value up to 1.0 is a fraction.</summary>
    public double ContainerConcurrencyTargetPercentage { get; init; } = 70.0;

    /// <summary>Requests in flight per pod to aim at when a Revision has no limit of its own.</summary>
    public double ContainerConcurrencyTargetDefault { get; init; } = 100.0;

    /// <summary>Requests a second per pod to aim at, for the <c>rps</c> metric.</summary>
    public double RequestsPerSecondTargetDefault { get; init; } = 200.0;

    /// <summary>Requests that pods must be able to take at once before the activator leaves the path; -1 keeps it in, 0 only at zero pods.</summary>
    public double TargetBurstCapacity { get; init; } = 211.0;

    /// <summary>The time over which the stable average is taken, 6 s to 1 h, whole seconds.</summary>
    public TimeSpan StableWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Percent of the stable window that the panic window lasts, [1, 100].</summary>
    public double PanicWindowPercentage { get; init; } = 10.0;

    /// <summary>Percent of the ready pods at which the panic window's wish begins panic mode.</summary>
    public double PanicThresholdPercentage { get; init; } = 200.0;

    /// <summary>Factor by which one decision may raise the pods, above 1.</summary>
    public double MaxScaleUpRate { get; init; } = 1000.0;

    /// <summary>Factor by which one decision may lower the pods, above 1.</summary>
    public double MaxScaleDownRate { get; init; } = 2.0;

    public bool EnableScaleToZero { get; init; } = true;

    /// <summary>The longest that the last pod is kept while the activator gets into the path.</summary>
    public TimeSpan ScaleToZeroGracePeriod { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The least time that the last pod is kept after the decision to scale to zero.</summary>
    public TimeSpan ScaleToZeroPodRetentionPeriod { get; init; }

    /// <summary>The autoscaler class of Revisions that name none.</summary>
    public string PodAutoscalerClass { get; init; } = "kpa.autoscaling.knative.dev";

    /// <summary>Requests in flight that one activator is trusted with, at least 1.</summary>
    public double ActivatorCapacity { get; init; } = 100.0;

    /// <summary>Pods a new Revision starts with.</summary>
    public int InitialScale { get; init; } = 1;

    public bool AllowZeroInitialScale { get; init; }

    /// <summary>Least pods of Revisions that say nothing.</summary>
    public int MinScale { get; init; }

    /// <summary>Most pods of Revisions that say nothing; 0 is no limit.</summary>
    public int MaxScale { get; init; }

    /// <summary>The most that <c>max-scale</c> may be set to; 0 is no limit.</summary>
    public int MaxScaleLimit { get; init; }

    /// <summary>Time at reduced load that must pass before pods are taken away, whole seconds.</summary>
    public TimeSpan ScaleDownDelay { get; init; }

    /// <summary><see cref="ContainerConcurrencyTargetPercentage"/> as a fraction, (0, 1].</summary>
    public double TargetUtilization =>
        ContainerConcurrencyTargetPercentage > 1.0 ? ContainerConcurrencyTargetPercentage / 100.0 : ContainerConcurrencyTargetPercentage;

    /// <summary>The utilisation that an annotation or the resource-neutral metrics (requests a second) use by default.</summary>
    public const double DefaultUtilization = 0.7;
}
