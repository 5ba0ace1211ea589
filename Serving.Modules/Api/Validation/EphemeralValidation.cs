using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates the annotation of pods that serve a fixed number of requests, and that the autoscaler can replace them. Paths are the
/// keys.</summary>
internal static class EphemeralValidation
{
    private const string Always = "-1";

    /// <summary>Validates the annotations of a template.</summary>
    public static FieldError Check(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config)
    {
        if (!annotations.TryGetValue(ReserveKeys.MaxRequestsPerPod, out var text))
            return FieldError.None;
        return GoNumber.ParseInt(text, 1, int.MaxValue, out _) switch
        {
            GoNumberResult.Malformed => FieldError.Invalid(text, ReserveKeys.MaxRequestsPerPod),
            GoNumberResult.OutOfRange => FieldError.OutOfBounds(text, 1, int.MaxValue, ReserveKeys.MaxRequestsPerPod),
            _ when EphemeralPods.MaxRequests(annotations) is null => FieldError.Invalid(text, ReserveKeys.MaxRequestsPerPod),
            _ when (AutoscalingKeys.Class.Value(annotations) ?? config.PodAutoscalerClass) != AutoscalingKeys.KpaClass =>
                FieldError.Generic(
                    $"pods that serve a number of requests need the class {AutoscalingKeys.KpaClass}, which replaces them; set the class or remove the annotation",
                    ReserveKeys.MaxRequestsPerPod
                ),
            _ when AutoscalingKeys.TargetBurstCapacity.Value(annotations) is { } burst && burst != Always => FieldError.Generic(
                $"target-burst-capacity={burst}: activators must stay in the path, because they know which pods take requests; "
                    + $"set it to {Always} or remove it",
                ReserveKeys.MaxRequestsPerPod
            ),
            _ => FieldError.None,
        };
    }
}
