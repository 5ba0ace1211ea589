using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.ConfigMaps;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// The settings of a PodAutoscaler: its annotations, with the cluster's configuration as defaults. An invalid annotation counts as absent;
/// admission rejects those.
/// </summary>
internal sealed class AutoscalerSettings(PodAutoscaler autoscaler, AutoscalerConfig config, ReserveConfig? reserve = null)
{
    private const double LeastTarget = 0.01;

    /// <summary>The opposite of <c>Reachable</c> in a specification.</summary>
    public const string Unreachable = "Unreachable";

    public bool IsReachable => autoscaler.Spec.Reachability != Unreachable;

    /// <summary>The autoscaler class; the KPA if none is set.</summary>
    public static string ClassOf(PodAutoscaler autoscaler) =>
        AutoscalingKeys.Class.Value(autoscaler.Metadata.Annotations) ?? AutoscalingKeys.KpaClass;

    public string Metric =>
        AutoscalingKeys.Metric.Value(autoscaler.Metadata.Annotations)
        ?? (ClassOf(autoscaler) == AutoscalingKeys.HpaClass ? AutoscalingKeys.CpuMetric : AutoscalingKeys.ConcurrencyMetric);

    /// <summary>The minimum scale; 0 while no Route refers to the revision.</summary>
    public int MinScale => IsReachable ? Whole(AutoscalingKeys.MinScale) ?? config.MinScale : 0;

    /// <summary>The maximum scale; 0 is no limit.</summary>
    public int MaxScale => Whole(AutoscalingKeys.MaxScale) ?? config.MaxScale;

    /// <summary>The initial number of pods of a new revision.</summary>
    public int InitialScale =>
        Whole(AutoscalingKeys.InitialScale) is { } own && (own > 0 || config.AllowZeroInitialScale) ? own : config.InitialScale;

    /// <summary>-1 for ephemeral pods: activators know which of them take requests.</summary>
    public double TargetBurstCapacity => IsEphemeral ? -1 : Number(AutoscalingKeys.TargetBurstCapacity) ?? config.TargetBurstCapacity;

    /// <summary>Whether pods are replaced after a number of requests.</summary>
    public bool IsEphemeral =>
        EphemeralPods.MaxRequests(autoscaler.Metadata.Annotations) is not null && ClassOf(autoscaler) == AutoscalingKeys.KpaClass;

    public TimeSpan StableWindow => Duration(AutoscalingKeys.Window.Value(autoscaler.Metadata.Annotations)) ?? config.StableWindow;

    /// <summary>The window annotation, if any.</summary>
    public TimeSpan? OwnWindow => Duration(AutoscalingKeys.Window.Value(autoscaler.Metadata.Annotations));

    /// <summary>The target annotation, if any.</summary>
    public double? OwnTarget => Number(AutoscalingKeys.Target);

    /// <summary>A whole number of seconds, at least one.</summary>
    public TimeSpan PanicWindow
    {
        get
        {
            var percentage = Number(AutoscalingKeys.PanicWindowPercentage) ?? config.PanicWindowPercentage;
            var seconds = Math.Round(StableWindow.TotalSeconds * percentage / 100.0, MidpointRounding.AwayFromZero);
            return TimeSpan.FromSeconds(Math.Max(1, seconds));
        }
    }

    /// <summary>How long the last pod is retained; zero when no Route refers to the revision.</summary>
    public TimeSpan LastPodRetention =>
        !IsReachable
            ? TimeSpan.Zero
            : Duration(AutoscalingKeys.ScaleToZeroPodRetentionPeriod.Value(autoscaler.Metadata.Annotations))
                ?? config.ScaleToZeroPodRetentionPeriod;

    /// <summary>How the pods of the idle revision are parked; none in another class than the KPA.</summary>
    public ReserveSettings Reserve { get; } =
        ClassOf(autoscaler) == AutoscalingKeys.KpaClass
            ? ReserveSettings.Of(autoscaler.Metadata.Annotations, reserve ?? ReserveConfig.Default)
            : ReserveSettings.None;

    /// <summary>The progress deadline annotation, if any.</summary>
    public TimeSpan? OwnProgressDeadline => Duration(autoscaler.Metadata.Annotations.GetValueOrDefault(ServingKeys.ProgressDeadline));

    /// <summary>The parameters of the decider.</summary>
    public DeciderSpec ToDeciderSpec()
    {
        var (target, total) = Target();
        return new DeciderSpec
        {
            ScalingMetric = Metric,
            MaxScaleUpRate = config.MaxScaleUpRate,
            MaxScaleDownRate = config.MaxScaleDownRate,
            TargetValue = target,
            TotalValue = total,
            TargetBurstCapacity = TargetBurstCapacity,
            ActivatorCapacity = config.ActivatorCapacity,
            PanicThreshold = (Number(AutoscalingKeys.PanicThresholdPercentage) ?? config.PanicThresholdPercentage) / 100.0,
            StableWindow = StableWindow,
            ScaleDownDelay = Duration(AutoscalingKeys.ScaleDownDelay.Value(autoscaler.Metadata.Annotations)) ?? config.ScaleDownDelay,
            InitialScale = InitialScale,
            ActivationScale = Whole(AutoscalingKeys.ActivationScale) ?? 0,
            Reachable = IsReachable,
            Reserve = Reserve.Scale,
        };
    }

    /// <summary>The target value of the metric per pod, and its maximum.</summary>
    public (double Target, double Total) Target()
    {
        var limit = autoscaler.Spec.ContainerConcurrency;
        var total =
            Metric == AutoscalingKeys.RpsMetric ? config.RequestsPerSecondTargetDefault
            : limit > 0 ? limit
            : config.ContainerConcurrencyTargetDefault;
        var utilization = Metric == AutoscalingKeys.RpsMetric ? AutoscalerConfig.DefaultUtilization : config.TargetUtilization;
        if (OwnTarget is { } own)
        {
            // With a target above the hard limit it would never scale out.
            total = Metric == AutoscalingKeys.ConcurrencyMetric && limit > 0 ? Math.Min(own, limit) : own;
        }

        if (Number(AutoscalingKeys.TargetUtilizationPercentage) is { } percentage)
            utilization = percentage / 100.0;
        return (Math.Max(LeastTarget, total * utilization), total);
    }

    private int? Whole(AnnotationKeys keys) =>
        int.TryParse(
            keys.Value(autoscaler.Metadata.Annotations),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out var value
        )
            ? value
            : null;

    private double? Number(AnnotationKeys keys) =>
        keys.Value(autoscaler.Metadata.Annotations) is { } text && GoNumber.TryParseFloat(text, out var value) && double.IsFinite(value)
            ? value
            : null;

    private static TimeSpan? Duration(string? text)
    {
        if (text is null)
            return null;
        try
        {
            return GoValues.ParseDuration(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
