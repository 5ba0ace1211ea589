using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates the annotations of our group, above all those of parked pods: their values, and that Kubernetes can resize
/// such pods. Paths are the keys.</summary>
internal static class ReserveValidation
{
    private static readonly string[] Keys =
    [
        ReserveKeys.Scale,
        ReserveKeys.Cpu,
        ReserveKeys.Memory,
        ReserveKeys.After,
        ReserveKeys.MaxRequestsPerPod,
    ];

    /// <summary>Validates the annotations of a template.</summary>
    public static FieldError Check(IReadOnlyDictionary<string, string> annotations, RevisionSpec spec, ConfigSnapshot config)
    {
        var errors = FieldError.None;
        foreach (var key in annotations.Keys)
        {
            if (key.StartsWith(ReserveKeys.Group + "/", StringComparison.Ordinal) && !Keys.Contains(key))
                errors += FieldError.InvalidKey(key, "", $"known annotations of the group are {string.Join(", ", Keys)}");
        }

        errors += EphemeralValidation.Check(annotations, config.Autoscaler);
        errors += Scale(annotations, out var scale) + Amount(annotations, ReserveKeys.Cpu) + Amount(annotations, ReserveKeys.Memory);
        errors += After(annotations, config.Autoscaler);

        // A default of the cluster must not reject a revision that does not ask for parked pods.
        return errors.IsEmpty && scale > 0 ? Fits(annotations, spec, config, scale) : errors;
    }

    private static FieldError Fits(IReadOnlyDictionary<string, string> annotations, RevisionSpec spec, ConfigSnapshot config, int scale)
    {
        if ((AutoscalingKeys.Class.Value(annotations) ?? config.Autoscaler.PodAutoscalerClass) != AutoscalingKeys.KpaClass)
        {
            return Refuse(
                ReserveKeys.Scale,
                $"parked pods need the class {AutoscalingKeys.KpaClass}: the others do not scale to zero; set the class or remove the annotation"
            );
        }

        if (
            int.TryParse(AutoscalingKeys.MaxScale.Value(annotations), NumberStyles.None, CultureInfo.InvariantCulture, out var max)
            && max > 0
            && max < scale
        )
        {
            return Refuse(
                ReserveKeys.Scale,
                string.Create(CultureInfo.InvariantCulture, $"reserve-scale={scale} is greater than max-scale={max}")
            );
        }

        return Pods(ReserveSettings.Of(annotations, config.Reserve), PodOf(spec, annotations, config));
    }

    /// <summary>A resize may not change the QoS class, nor remove a request, nor add one to a pod that has none.</summary>
    private static FieldError Pods(ReserveSettings reserve, PodSpec pod)
    {
        var plan = ReservePlan.Of(pod, reserve);
        return plan.Class == QosClass.BestEffort
                ? Refuse(
                    ReserveKeys.Scale,
                    "the pods request no CPU or memory (QoS class BestEffort), so there is nothing to lower and a resize may not change the class; "
                        + "set requests of a container, or queue-sidecar-cpu-request in config-deployment"
                )
            : plan.Changes.Count == 0
                ? Refuse(
                    ReserveKeys.Scale,
                    $"no container requests more than the reserve (cpu {Text(reserve.Cpu)}, memory {Text(reserve.Memory)}), so parked pods would "
                        + $"cost as much as others; lower {ReserveKeys.Cpu} or {ReserveKeys.Memory}, or raise the requests"
                )
            : FieldError.None;
    }

    private static string Text(Quantity? quantity) => quantity?.ToString() ?? "not set";

    /// <summary>The containers of the pods, with the sidecar's resources.</summary>
    private static PodSpec PodOf(RevisionSpec spec, IReadOnlyDictionary<string, string> annotations, ConfigSnapshot config) =>
        new()
        {
            InitContainers = spec.InitContainers,
            Containers =
            [
                .. spec.Containers,
                new Container
                {
                    Name = ContainerNames.QueueProxy,
                    Resources = QueueResources.Make(
                        config.Deployment,
                        annotations,
                        spec.ServingContainer().Resources,
                        config.Features.QueueProxyResourceDefaults == FeatureFlag.Enabled
                    ),
                },
            ],
        };

    private static FieldError Scale(IReadOnlyDictionary<string, string> annotations, out int scale)
    {
        scale = 0;
        if (!annotations.TryGetValue(ReserveKeys.Scale, out var text))
            return FieldError.None;
        var result = GoNumber.ParseInt(text, 0, int.MaxValue, out var value);
        scale = result == GoNumberResult.Fine ? (int)value : 0;
        return result switch
        {
            GoNumberResult.Malformed => FieldError.Invalid(text, ReserveKeys.Scale),
            GoNumberResult.OutOfRange => FieldError.OutOfBounds(text, 0, int.MaxValue, ReserveKeys.Scale),
            _ => FieldError.None,
        };
    }

    private static FieldError Amount(IReadOnlyDictionary<string, string> annotations, string key) =>
        !annotations.TryGetValue(key, out var text) ? FieldError.None
        : new Quantity(text).Refusal is { } refusal ? FieldError.Invalid(text, key, refusal)
        : new Quantity(text).TryGetAmount(out var amount) && amount > 0 ? FieldError.None
        : FieldError.Invalid(text, key, "must be more than 0: a request of 0 counts as none, which a resize cannot make");

    private static FieldError After(IReadOnlyDictionary<string, string> annotations, AutoscalerConfig config)
    {
        if (!annotations.TryGetValue(ReserveKeys.After, out var text))
            return FieldError.None;
        if (!GoDuration.TryParse(text, out var after))
            return FieldError.Invalid(text, ReserveKeys.After);

        // The autoscaler knows that a revision is idle only after its stable window.
        var window =
            AutoscalingKeys.Window.Value(annotations) is { } own && GoDuration.TryParse(own, out var set)
                ? set
                : GoDuration.OfSeconds((long)config.StableWindow.TotalSeconds);
        var most = GoDuration.OfSeconds((long)ReserveConfig.LongestAfter.TotalSeconds);
        return after.Nanoseconds < window.Nanoseconds || after.Nanoseconds > most.Nanoseconds
            ? FieldError.Generic($"expected {window} (the stable window) <= {text} <= {most}", ReserveKeys.After)
            : FieldError.None;
    }

    private static FieldError Refuse(string key, string message) => FieldError.Generic(message, key);
}
