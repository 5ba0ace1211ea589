using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.ConfigMaps;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// What a PodAutoscaler asks for: its annotations, and the cluster's configuration where it has none. An annotation that cannot
/// be read counts as absent; admission refuses such ones.
/// </summary>
internal sealed class AutoscalerSettings(PodAutoscaler autoscaler, AutoscalerConfig config)
{
    private const double LeastTarget = 0.01;

    /// <summary><c>Reachable</c>'s opposite in a specification.</summary>
    public const string Unreachable = "Unreachable";

    public bool IsReachable => autoscaler.Spec.Reachability != Unreachable;

    /// <summary>The autoscaler class; ours when none is named.</summary>
    public static string ClassOf(PodAutoscaler autoscaler) => AutoscalingKeys.Class.Value(autoscaler.Metadata.Annotations) ?? AutoscalingKeys.KpaClass;

    public string Metric => AutoscalingKeys.Metric.Value(autoscaler.Metadata.Annotations)
        ?? (ClassOf(autoscaler) == AutoscalingKeys.HpaClass ? AutoscalingKeys.CpuMetric : AutoscalingKeys.ConcurrencyMetric);

    /// <summary>The least pods; 0 while no Route refers to the revision.</summary>
    public int MinScale => IsReachable ? Whole(AutoscalingKeys.MinScale) ?? config.MinScale : 0;

    /// <summary>The most pods; 0 is no limit.</summary>
    public int MaxScale => Whole(AutoscalingKeys.MaxScale) ?? config.MaxScale;

    /// <summary>Pods that a new revision starts with.</summary>
    public int InitialScale
        => Whole(AutoscalingKeys.InitialScale) is { } own && (own > 0 || config.AllowZeroInitialScale) ? own : config.InitialScale;

    public double TargetBurstCapacity => Number(AutoscalingKeys.TargetBurstCapacity) ?? config.TargetBurstCapacity;

    public TimeSpan StableWindow => Duration(AutoscalingKeys.Window.Value(autoscaler.Metadata.Annotations)) ?? config.StableWindow;

    /// <summary>The window annotation, if any.</summary>
    public TimeSpan? OwnWindow => Duration(AutoscalingKeys.Window.Value(autoscaler.Metadata.Annotations));

    /// <summary>The target annotation, if any.</summary>
    public double? OwnTarget => Number(AutoscalingKeys.Target);

    /// <summary>A whole number of seconds, one at least.</summary>
    public TimeSpan PanicWindow
    {
        get
        {
            var percentage = Number(AutoscalingKeys.PanicWindowPercentage) ?? config.PanicWindowPercentage;
            var seconds = Math.Round(StableWindow.TotalSeconds * percentage / 100.0, MidpointRounding.AwayFromZero);
            return TimeSpan.FromSeconds(Math.Max(1, seconds));
        }
    }

    /// <summary>How long the last pod is kept; not at all when no Route refers to the revision.</summary>
    public TimeSpan LastPodRetention => !IsReachable
        ? TimeSpan.Zero
        : Duration(AutoscalingKeys.ScaleToZeroPodRetentionPeriod.Value(autoscaler.Metadata.Annotations)) ?? config.ScaleToZeroPodRetentionPeriod;

    /// <summary>The progress deadline annotation, if any.</summary>
    public TimeSpan? OwnProgressDeadline => Duration(autoscaler.Metadata.Annotations.GetValueOrDefault(ServingKeys.ProgressDeadline));

    /// <summary>What the decider decides by.</summary>
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
        };
    }

    /// <summary>The metric's value per pod that is aimed at, and the one that a pod can take.</summary>
    public (double Target, double Total) Target()
    {
        var limit = autoscaler.Spec.ContainerConcurrency;
        var total = Metric == AutoscalingKeys.RpsMetric ? config.RequestsPerSecondTargetDefault
            : limit > 0 ? limit : config.ContainerConcurrencyTargetDefault;
        var utilization = Metric == AutoscalingKeys.RpsMetric ? AutoscalerConfig.DefaultUtilization : config.TargetUtilization;
        if (OwnTarget is { } own)
        {
            // Aiming above the hard limit would never scale out.
            total = Metric == AutoscalingKeys.ConcurrencyMetric && limit > 0 ? Math.Min(own, limit) : own;
        }

        if (Number(AutoscalingKeys.TargetUtilizationPercentage) is { } percentage) utilization = percentage / 100.0;
        return (Math.Max(LeastTarget, total * utilization), total);
    }

    private int? Whole(AnnotationKeys keys)
        => int.TryParse(keys.Value(autoscaler.Metadata.Annotations), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    private double? Number(AnnotationKeys keys)
        => keys.Value(autoscaler.Metadata.Annotations) is { } text && GoNumber.TryParseFloat(text, out var value) && double.IsFinite(value) ? value : null;

    private static TimeSpan? Duration(string? text)
    {
        if (text is null) return null;
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
