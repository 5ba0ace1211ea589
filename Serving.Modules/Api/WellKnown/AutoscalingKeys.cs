namespace Serving.Api.WellKnown;

/// <summary>Annotations of autoscaling.knative.dev and their values.</summary>
public static class AutoscalingKeys
{
    public const string Group = "autoscaling.knative.dev";
    public const string InternalGroup = "autoscaling.internal.knative.dev";

    /// <summary>The suffix of Knative's own classes.</summary>
    public const string OwnClassSuffix = ".knative.dev";

    public const string KpaClass = "kpa.autoscaling.knative.dev";
    public const string HpaClass = "hpa.autoscaling.knative.dev";

    public const string ConcurrencyMetric = "concurrency";
    public const string RpsMetric = "rps";
    public const string CpuMetric = "cpu";
    public const string MemoryMetric = "memory";

    public static AnnotationKeys Class { get; } = new("autoscaling.knative.dev/class");
    public static AnnotationKeys Metric { get; } = new("autoscaling.knative.dev/metric");
    public static AnnotationKeys Target { get; } = new("autoscaling.knative.dev/target");
    public static AnnotationKeys Window { get; } = new("autoscaling.knative.dev/window");
    public static AnnotationKeys ActivationScale { get; } = new("autoscaling.knative.dev/activation-scale");
    public static AnnotationKeys InitialScale { get; } =
        new("autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/initialScale");
    public static AnnotationKeys MinScale { get; } = new("autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale");
    public static AnnotationKeys MaxScale { get; } = new("autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/maxScale");
    public static AnnotationKeys MetricAggregationAlgorithm { get; } =
        new("autoscaling.knative.dev/metric-aggregation-algorithm", "autoscaling.knative.dev/metricAggregationAlgorithm");

    public static AnnotationKeys PanicThresholdPercentage { get; } =
        new("autoscaling.knative.dev/panic-threshold-percentage", "autoscaling.knative.dev/panicThresholdPercentage");

    public static AnnotationKeys PanicWindowPercentage { get; } =
        new("autoscaling.knative.dev/panic-window-percentage", "autoscaling.knative.dev/panicWindowPercentage");

    public static AnnotationKeys ScaleDownDelay { get; } =
        new("autoscaling.knative.dev/scale-down-delay", "autoscaling.knative.dev/scaleDownDelay");
    public static AnnotationKeys ScaleToZeroPodRetentionPeriod { get; } =
        new("autoscaling.knative.dev/scale-to-zero-pod-retention-period", "autoscaling.knative.dev/scaleToZeroPodRetentionPeriod");

    public static AnnotationKeys TargetBurstCapacity { get; } =
        new("autoscaling.knative.dev/target-burst-capacity", "autoscaling.knative.dev/targetBurstCapacity");

    public static AnnotationKeys TargetUtilizationPercentage { get; } =
        new("autoscaling.knative.dev/target-utilization-percentage", "autoscaling.knative.dev/targetUtilizationPercentage");
}
