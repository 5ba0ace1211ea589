using Serving.Api.Config;
using Serving.Api.WellKnown;
using static System.FormattableString;

namespace Serving.ConfigMaps;

/// <summary>Parses config-autoscaler.</summary>
public static class AutoscalerConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-autoscaler";

    private const double LeastTarget = 0.01;
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan LongestWindow = TimeSpan.FromHours(1);

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static AutoscalerConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data, "failed to parse data: ");
        var d = AutoscalerConfig.Default;
        var config = new AutoscalerConfig
        {
            PodAutoscalerClass = from.String("pod-autoscaler-class", d.PodAutoscalerClass),
            EnableScaleToZero = from.Bool("enable-scale-to-zero", d.EnableScaleToZero),
            AllowZeroInitialScale = from.Bool("allow-zero-initial-scale", d.AllowZeroInitialScale),
            MaxScaleUpRate = from.Float("max-scale-up-rate", d.MaxScaleUpRate),
            MaxScaleDownRate = from.Float("max-scale-down-rate", d.MaxScaleDownRate),
            ContainerConcurrencyTargetPercentage = from.Float(
                "container-concurrency-target-percentage",
                d.ContainerConcurrencyTargetPercentage
            ),
            ContainerConcurrencyTargetDefault = from.Float("container-concurrency-target-default", d.ContainerConcurrencyTargetDefault),
            RequestsPerSecondTargetDefault = from.Float("requests-per-second-target-default", d.RequestsPerSecondTargetDefault),
            TargetBurstCapacity = from.Float("target-burst-capacity", d.TargetBurstCapacity),
            PanicWindowPercentage = from.Float("panic-window-percentage", d.PanicWindowPercentage),
            ActivatorCapacity = from.Float("activator-capacity", d.ActivatorCapacity),
            PanicThresholdPercentage = from.Float("panic-threshold-percentage", d.PanicThresholdPercentage),
            InitialScale = from.Int32("initial-scale", d.InitialScale),
            MinScale = from.Int32("min-scale", d.MinScale),
            MaxScale = from.Int32("max-scale", d.MaxScale),
            MaxScaleLimit = from.Int32("max-scale-limit", d.MaxScaleLimit),
            StableWindow = from.Duration("stable-window", d.StableWindow),
            ScaleDownDelay = from.Duration("scale-down-delay", d.ScaleDownDelay),
            ScaleToZeroGracePeriod = from.Duration("scale-to-zero-grace-period", d.ScaleToZeroGracePeriod),
            ScaleToZeroPodRetentionPeriod = from.Duration("scale-to-zero-pod-retention-period", d.ScaleToZeroPodRetentionPeriod),
        };
        CheckClass(from, config.PodAutoscalerClass);
        CheckTimes(from, config);
        CheckTargets(from, config);
        CheckScales(from, config);
        return config;
    }

    /// <summary>A class of another project is handled by that project; an unknown class of ours would be handled by none.</summary>
    private static void CheckClass(ConfigData from, string name)
    {
        const string key = "pod-autoscaler-class";
        from.RequireName(key, name, "autoscaler class");
        from.Require(
            !name.EndsWith(AutoscalingKeys.OwnClassSuffix, StringComparison.Ordinal)
                || name is AutoscalingKeys.KpaClass or AutoscalingKeys.HpaClass,
            key,
            $"{key} is {GoValues.Quote(name)}, which no autoscaler handles: it must be {AutoscalingKeys.KpaClass}, {AutoscalingKeys.HpaClass} or a class of another project"
        );
    }

    private static void CheckTimes(ConfigData from, AutoscalerConfig c)
    {
        from.Require(
            c.ScaleToZeroGracePeriod > TimeSpan.Zero,
            "scale-to-zero-grace-period",
            $"scale-to-zero-grace-period must be positive, was: {GoValues.Format(c.ScaleToZeroGracePeriod)}"
        );
        from.Require(
            c.ScaleDownDelay >= TimeSpan.Zero,
            "scale-down-delay",
            $"scale-down-delay cannot be negative, was: {GoValues.Format(c.ScaleDownDelay)}"
        );
        from.Require(
            IsWholeSeconds(c.ScaleDownDelay),
            "scale-down-delay",
            $"scale-down-delay = {GoValues.Format(c.ScaleDownDelay)}, must be specified with at most second precision"
        );
        from.Require(
            c.ScaleToZeroPodRetentionPeriod >= TimeSpan.Zero,
            "scale-to-zero-pod-retention-period",
            $"scale-to-zero-pod-retention-period cannot be negative, was: {GoValues.Format(c.ScaleToZeroPodRetentionPeriod)}"
        );
        from.Require(
            c.StableWindow >= ShortestWindow && c.StableWindow <= LongestWindow,
            "stable-window",
            $"stable-window = {GoValues.Format(c.StableWindow)}, must be in [6s; 1h0m0s] range"
        );
        from.Require(
            IsWholeSeconds(c.StableWindow),
            "stable-window",
            $"stable-window = {GoValues.Format(c.StableWindow)}, must be specified with at most second precision"
        );
        from.Require(
            c.PanicWindowPercentage is >= 1 and <= 100,
            "panic-window-percentage",
            $"panic-window-percentage = {GoValues.Format(c.PanicWindowPercentage)}, must be in [1, 100] interval"
        );
    }

    private static void CheckTargets(ConfigData from, AutoscalerConfig c)
    {
        from.Require(
            c.TargetBurstCapacity is >= 0 or -1,
            "target-burst-capacity",
            Invariant($"target-burst-capacity must be either non-negative or -1 (for unlimited), was: {c.TargetBurstCapacity:F6}")
        );
        from.Require(
            c.TargetUtilization is > 0 and <= 1,
            "container-concurrency-target-percentage",
            Invariant($"container-concurrency-target-percentage = {c.TargetUtilization:F6} is outside of valid range of (0, 100]")
        );
        var target = c.TargetUtilization * c.ContainerConcurrencyTargetDefault;
        from.Require(
            target >= LeastTarget,
            "container-concurrency-target-default",
            $"container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of {GoValues.Format(target)}, can't be less than 0.01"
        );
        from.Require(
            c.RequestsPerSecondTargetDefault >= LeastTarget,
            "requests-per-second-target-default",
            $"requests-per-second-target-default must be at least 0.01, was: {GoValues.Format(c.RequestsPerSecondTargetDefault)}"
        );
        from.Require(
            c.PanicThresholdPercentage > 0,
            "panic-threshold-percentage",
            $"panic-threshold-percentage = {GoValues.Format(c.PanicThresholdPercentage)}, must be greater than 0"
        );
        from.Require(
            c.ActivatorCapacity >= 1,
            "activator-capacity",
            $"activator-capacity = {GoValues.Format(c.ActivatorCapacity)}, must be at least 1"
        );
        from.Require(
            c.MaxScaleUpRate > 1,
            "max-scale-up-rate",
            $"max-scale-up-rate = {GoValues.Format(c.MaxScaleUpRate)}, must be greater than 1.0"
        );
        from.Require(
            c.MaxScaleDownRate > 1,
            "max-scale-down-rate",
            $"max-scale-down-rate = {GoValues.Format(c.MaxScaleDownRate)}, must be greater than 1.0"
        );
    }

    private static void CheckScales(ConfigData from, AutoscalerConfig c)
    {
        from.Require(
            c.InitialScale > 0 || (c.InitialScale == 0 && c.AllowZeroInitialScale),
            "initial-scale",
            Invariant($"initial-scale = {c.InitialScale}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)")
        );
        from.Require(c.MinScale >= 0, "min-scale", Invariant($"min-scale = {c.MinScale}, must be at least 0"));
        var least = c.MaxScaleLimit > 0 ? 1 : 0;
        from.Require(
            c.MaxScale >= least && (c.MaxScaleLimit <= 0 || c.MaxScale <= c.MaxScaleLimit),
            "max-scale",
            Invariant($"max-scale = {c.MaxScale}, must be in [{least}, max-scale-limit({c.MaxScaleLimit})] range")
        );
        from.Require(c.MaxScaleLimit >= 0, "max-scale-limit", Invariant($"max-scale-limit = {c.MaxScaleLimit}, must be at least 0"));
        from.Require(
            c.MinScale <= c.MaxScale || c.MaxScale <= 0,
            "min-scale",
            Invariant($"min-scale ({c.MinScale}) must be less than max-scale ({c.MaxScale})")
        );
    }

    private static bool IsWholeSeconds(TimeSpan value) => value.Ticks % TimeSpan.TicksPerSecond == 0;
}
