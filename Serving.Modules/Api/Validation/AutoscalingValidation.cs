using Serving.Api.Config;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates autoscaling annotations. Paths are the keys as written.</summary>
public static class AutoscalingValidation
{
    private static readonly GoDuration ShortestWindow = GoDuration.OfSeconds(6);
    private static readonly GoDuration LongestWindow = GoDuration.OfSeconds(3600);
    private static readonly string[] Algorithms = ["linear", "weighted-exponential", "weightedExponential"];

    /// <summary>Validates the annotations.</summary>
    public static FieldError Check(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config)
    {
        ArgumentNullException.ThrowIfNull(annotations);
        ArgumentNullException.ThrowIfNull(config);
        return annotations.Count == 0
            ? FieldError.None
            : Class(annotations)
                + Scale(annotations, config)
                + Numbers(annotations)
                + Window(annotations)
                + Retention(annotations)
                + Delay(annotations)
                + Metric(annotations, config)
                + Algorithm(annotations)
                + InitialScale(annotations, config);
    }

    private static FieldError Class(IReadOnlyDictionary<string, string> annotations) =>
        AutoscalingKeys.Class.Find(annotations) is { } found
        && (
            found.Value.Length == 0
            || found.Value.Any(c => char.IsWhiteSpace(c) || char.IsControl(c))
            || (
                found.Value.EndsWith(AutoscalingKeys.OwnClassSuffix, StringComparison.Ordinal)
                && found.Value is not (AutoscalingKeys.KpaClass or AutoscalingKeys.HpaClass)
            )
        )
            ? FieldError.Invalid(found.Value, found.Key)
            : FieldError.None;

    private static FieldError Scale(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config)
    {
        var (min, minErrors) = Count(annotations, AutoscalingKeys.MinScale);
        var (max, maxErrors) = Count(annotations, AutoscalingKeys.MaxScale);
        var errors = minErrors + maxErrors;
        if (max != 0 && max < min)
        {
            errors += FieldError.Generic(
                $"max-scale={max} is less than min-scale={min}",
                AutoscalingKeys.MaxScale.Key,
                AutoscalingKeys.MinScale.Key
            );
        }

        if (config.MaxScaleLimit != 0 && AutoscalingKeys.MaxScale.Find(annotations) is { } limited)
        {
            errors +=
                max > config.MaxScaleLimit ? FieldError.OutOfBounds(max, 1, config.MaxScaleLimit, limited.Key)
                : max == 0 ? FieldError.Generic($"max-scale=0 (unlimited), must be less than {config.MaxScaleLimit}", limited.Key)
                : FieldError.None;
        }

        return AutoscalingKeys.ActivationScale.Find(annotations) is { } activation
            ? errors + Activation(activation.Key, activation.Value, min, max)
            : errors;
    }

    private static FieldError Activation(string key, string value, int min, int max) =>
        GoNumber.ParseInt(value, int.MinValue, int.MaxValue, out var activation) != GoNumberResult.Fine ? FieldError.Invalid(value, key)
        : min > activation ? FieldError.Generic($"min-scale={min} is greater than activation-scale={activation}", key)
        : max != 0 && max < activation ? FieldError.Generic($"max-scale={max} is less than activation-scale={activation}", key)
        : activation < 2 ? FieldError.Generic($"activation-scale={activation} must be greater than 1", key)
        : FieldError.None;

    private static FieldError Numbers(IReadOnlyDictionary<string, string> annotations)
    {
        var errors = Number(
            annotations,
            AutoscalingKeys.PanicWindowPercentage,
            (v, text, key) => v is < 1 or > 100 ? FieldError.OutOfBounds(text, 1, 100, key) : null
        );
        errors += Number(
            annotations,
            AutoscalingKeys.PanicThresholdPercentage,
            (v, text, key) => v is < 110 or > 1000 ? FieldError.OutOfBounds(text, 110, 1000, key) : null
        );
        errors += Number(
            annotations,
            AutoscalingKeys.Target,
            (v, text, key) => v < 0.01 ? FieldError.Generic($"target {text} should be at least 0.01", key) : null
        );
        errors += Number(
            annotations,
            AutoscalingKeys.TargetUtilizationPercentage,
            (v, text, key) => v is < 1 or > 100 ? FieldError.OutOfBounds(text, 1, 100, key) : null
        );
        return errors
            + Number(
                annotations,
                AutoscalingKeys.TargetBurstCapacity,
                (v, text, key) => v < 0 && v != -1 ? FieldError.Invalid(text, key) : null
            );
    }

    private static FieldError Window(IReadOnlyDictionary<string, string> annotations)
    {
        var key = AutoscalingKeys.Window.Key;
        return AutoscalingKeys.Window.Value(annotations) is not { } text ? FieldError.None
            : !GoDuration.TryParse(text, out var window) ? FieldError.Invalid(text, key)
            : window.Nanoseconds < ShortestWindow.Nanoseconds || window.Nanoseconds > LongestWindow.Nanoseconds
                ? FieldError.OutOfBounds(text, ShortestWindow, LongestWindow, key)
            : window.IsWholeSeconds ? FieldError.None
            : FieldError.Generic("must be specified with at most second precision", key);
    }

    private static FieldError Retention(IReadOnlyDictionary<string, string> annotations) =>
        UpToWindow(annotations, AutoscalingKeys.ScaleToZeroPodRetentionPeriod, out _);

    private static FieldError Delay(IReadOnlyDictionary<string, string> annotations)
    {
        var errors = UpToWindow(annotations, AutoscalingKeys.ScaleDownDelay, out var delay);
        return errors.IsEmpty && !delay.IsWholeSeconds
            ? FieldError.Generic(
                "must be specified with at most second precision",
                AutoscalingKeys.ScaleDownDelay.Find(annotations)!.Value.Key
            )
            : errors;
    }

    private static FieldError UpToWindow(IReadOnlyDictionary<string, string> annotations, AnnotationKeys keys, out GoDuration duration)
    {
        duration = default;
        return keys.Find(annotations) is not { } found ? FieldError.None
            : !GoDuration.TryParse(found.Value, out duration) ? FieldError.Invalid(found.Value, found.Key)
            : duration.Nanoseconds < 0 || duration.Nanoseconds > LongestWindow.Nanoseconds
                ? FieldError.OutOfBounds(found.Value, GoDuration.Zero, LongestWindow, found.Key)
            : FieldError.None;
    }

    private static FieldError Metric(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config)
    {
        if (AutoscalingKeys.Metric.Value(annotations) is not { } metric)
        {
            return FieldError.None;
        }

        var fits = (AutoscalingKeys.Class.Value(annotations) ?? config.PodAutoscalerClass) switch
        {
            AutoscalingKeys.KpaClass => metric is AutoscalingKeys.ConcurrencyMetric or AutoscalingKeys.RpsMetric,
            AutoscalingKeys.HpaClass => metric.Length > 0 && !metric.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)),
            _ => true,
        };
        return fits ? FieldError.None : FieldError.Invalid(metric, AutoscalingKeys.Metric.Key);
    }

    private static FieldError Algorithm(IReadOnlyDictionary<string, string> annotations) =>
        AutoscalingKeys.Class.Value(annotations) == AutoscalingKeys.KpaClass
        && AutoscalingKeys.MetricAggregationAlgorithm.Find(annotations) is { Value.Length: > 0 } found
        && !Algorithms.Contains(found.Value)
            ? FieldError.Invalid(found.Value, found.Key)
            : FieldError.None;

    private static FieldError InitialScale(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config) =>
        AutoscalingKeys.InitialScale.Find(annotations) is not { } found ? FieldError.None
        : GoNumber.ParseInt(found.Value, long.MinValue, long.MaxValue, out var scale) != GoNumberResult.Fine
            ? FieldError.Invalid(found.Value, found.Key)
        : scale < 0 ? FieldError.Invalid(found.Value, $"{found.Key} must be greater than 0")
        : scale > int.MaxValue ? FieldError.OutOfBounds(found.Value, 0, int.MaxValue, found.Key)
        : scale == 0 && !config.AllowZeroInitialScale ? FieldError.Invalid(found.Value, $"{found.Key}=0 not allowed by cluster")
        : FieldError.None;

    private static (int Value, FieldError Errors) Count(IReadOnlyDictionary<string, string> annotations, AnnotationKeys keys)
    {
        if (keys.Find(annotations) is not { } found)
        {
            return (0, FieldError.None);
        }

        return GoNumber.ParseInt(found.Value, 0, int.MaxValue, out var value) switch
        {
            GoNumberResult.Malformed => (0, FieldError.Invalid(found.Value, found.Key)),
            GoNumberResult.OutOfRange => (0, FieldError.OutOfBounds(found.Value, 0, int.MaxValue, found.Key)),
            _ => ((int)value, FieldError.None),
        };
    }

    private static FieldError Number(
        IReadOnlyDictionary<string, string> annotations,
        AnnotationKeys keys,
        Func<double, string, string, FieldError?> check
    ) =>
        keys.Find(annotations) is not { } found ? FieldError.None
        : GoNumber.TryParseFloat(found.Value, out var value) && double.IsFinite(value)
            ? check(value, found.Value, found.Key) ?? FieldError.None
        : FieldError.Invalid(found.Value, found.Key);
}
