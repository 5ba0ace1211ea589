namespace Serving.Api.Config;

/// <summary>config-autoscaler: cluster-wide scaling settings, most of which annotations of a Revision can override.</summary>
public sealed record AutoscalerConfig
{
    /// <summary>The defaults.</summary>
    public static AutoscalerConfig Default { get; } = new();

    /// <summary>Target utilization of the hard concurrency limit in percent, (0, 100]; as written, so a value up to 1.0 is a
    /// fraction.</summary>
    public double ContainerConcurrencyTargetPercentage { get; init; } = 70.0;

    /// <summary>Target concurrency per pod of a Revision without a limit.</summary>
    public double ContainerConcurrencyTargetDefault { get; init; } = 100.0;

    /// <summary>Target requests per second per pod, for the <c>rps</c> metric.</summary>
    public double RequestsPerSecondTargetDefault { get; init; } = 200.0;

    /// <summary>Burst capacity that the pods need before the activator leaves the path; -1: it never leaves, 0: it is in the path only at
    /// zero pods.</summary>
    public double TargetBurstCapacity { get; init; } = 211.0;

    /// <summary>The length of the stable window, 6 s to 1 h, whole seconds.</summary>
    public TimeSpan StableWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The length of the panic window in percent of the stable window, [1, 100].</summary>
    public double PanicWindowPercentage { get; init; } = 10.0;

    /// <summary>Panic mode starts when the panic window requires this percentage of the ready pods.</summary>
    public double PanicThresholdPercentage { get; init; } = 200.0;

    /// <summary>Maximum factor by which one decision may raise the number of pods, above 1.</summary>
    public double MaxScaleUpRate { get; init; } = 1000.0;

    /// <summary>Maximum factor by which one decision may lower the number of pods, above 1.</summary>
    public double MaxScaleDownRate { get; init; } = 2.0;

    public bool EnableScaleToZero { get; init; } = true;

    /// <summary>Maximum time that the last pod is kept while the activator enters the path.</summary>
    public TimeSpan ScaleToZeroGracePeriod { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Minimum time that the last pod is kept after the decision to scale to zero.</summary>
    public TimeSpan ScaleToZeroPodRetentionPeriod { get; init; }

    /// <summary>The default autoscaler class.</summary>
    public string PodAutoscalerClass { get; init; } = "kpa.autoscaling.knative.dev";

    /// <summary>Capacity of one activator in concurrent requests, at least 1.</summary>
    public double ActivatorCapacity { get; init; } = 100.0;

    /// <summary>Initial number of pods of a new Revision.</summary>
    public int InitialScale { get; init; } = 1;

    public bool AllowZeroInitialScale { get; init; }

    /// <summary>Default minimum scale.</summary>
    public int MinScale { get; init; }

    /// <summary>Default maximum scale; 0 is no limit.</summary>
    public int MaxScale { get; init; }

    /// <summary>Upper bound of <c>max-scale</c>; 0 is no limit.</summary>
    public int MaxScaleLimit { get; init; }

    /// <summary>How long the load must be lower before pods are removed, whole seconds.</summary>
    public TimeSpan ScaleDownDelay { get; init; }

    /// <summary><see cref="ContainerConcurrencyTargetPercentage"/> as a fraction, (0, 1].</summary>
    public double TargetUtilization =>
        ContainerConcurrencyTargetPercentage > 1.0 ? ContainerConcurrencyTargetPercentage / 100.0 : ContainerConcurrencyTargetPercentage;

    /// <summary>The default utilization for target annotations and for metrics such as requests per second.</summary>
    public const double DefaultUtilization = 0.7;
}
