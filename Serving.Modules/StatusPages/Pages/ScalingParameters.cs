using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Dataplane.Inspection;
using Serving.StatusPages.Models;
using static Serving.StatusPages.Pages.Show;

namespace Serving.StatusPages.Pages;

/// <summary>The parameters of the autoscaler for one revision, what they mean, and where each is from. Pure.</summary>
/// <param name="autoscaler">The PodAutoscaler.</param>
/// <param name="e">The decider's numbers.</param>
internal sealed class ScalingParameters(PodAutoscaler autoscaler, ScalingExplanation e)
{
    /// <summary>All parameters.</summary>
    public IReadOnlyList<ParameterRow> Rows =>
        [
            new(
                "Metric",
                e.Metric,
                e.Metric == "rps" ? "Requests per second." : "Requests in flight.",
                From(AutoscalingKeys.Metric, "default")
            ),
            new(
                "Target per pod",
                Number(e.Target),
                $"The utilization target of {Number(e.Total)}, the most that one pod should get.",
                $"{TargetSource()}; {From(AutoscalingKeys.TargetUtilizationPercentage, Key("container-concurrency-target-percentage"))}"
            ),
            new(
                "Stable window",
                Duration(e.StableWindow),
                "The time over which the load is averaged.",
                From(AutoscalingKeys.Window, Key("stable-window"))
            ),
            new(
                "Panic window",
                Duration(e.PanicWindow),
                "The short time over which a surge is noticed.",
                From(AutoscalingKeys.PanicWindowPercentage, Key("panic-window-percentage"))
            ),
            new(
                "Panic threshold",
                $"{Number(e.PanicThreshold)}×",
                "Panic mode begins when the panic window requires this many times the ready pods.",
                From(AutoscalingKeys.PanicThresholdPercentage, Key("panic-threshold-percentage"))
            ),
            new(
                "Scale-up rate",
                $"{Number(e.MaxScaleUpRate)}×",
                "The most by which one decision multiplies the pods.",
                Key("max-scale-up-rate")
            ),
            new(
                "Scale-down rate",
                $"{Number(e.MaxScaleDownRate)}×",
                "The most by which one decision divides the pods.",
                Key("max-scale-down-rate")
            ),
            new(
                "Scale-down delay",
                Duration(e.ScaleDownDelay),
                "How long the load must be lower before pods are removed.",
                From(AutoscalingKeys.ScaleDownDelay, Key("scale-down-delay"))
            ),
            new(
                "min-scale",
                Number(e.MinScale),
                e.IsReachable ? "The least pods." : "The least pods; not in effect, because no Route refers to the revision.",
                From(AutoscalingKeys.MinScale, Key("min-scale"))
            ),
            new(
                "max-scale",
                e.MaxScale == 0 ? "no limit" : Number(e.MaxScale),
                "The most pods.",
                From(AutoscalingKeys.MaxScale, Key("max-scale"))
            ),
            new(
                "initial-scale",
                Number(e.InitialScale),
                e.IsInitialized ? "Reached before; it has no effect any more." : "Not reached yet: it is the least until then.",
                From(AutoscalingKeys.InitialScale, Key("initial-scale"))
            ),
            new(
                "activation-scale",
                e.ActivationScale > 1 ? Number(e.ActivationScale) : "1",
                "The least pods when the scale rises from zero.",
                From(AutoscalingKeys.ActivationScale, "default")
            ),
            new(
                "Target burst capacity",
                e.TargetBurstCapacity is -1 ? "-1" : Number(e.TargetBurstCapacity),
                e.TargetBurstCapacity switch
                {
                    -1 => "Activators are always in the path.",
                    0 => "Activators are in the path only at zero pods.",
                    _ => "The spare capacity that pods need before activators leave the path.",
                },
                e.MaxRequestsPerPod is not null
                    ? "follows from max-requests-per-pod"
                    : From(AutoscalingKeys.TargetBurstCapacity, Key("target-burst-capacity"))
            ),
            new(
                "Scale to zero",
                e.ScalesToZero ? "enabled" : "disabled",
                e.ScalesToZero
                    ? $"After a stable window without traffic; the last pod stays at most {Duration(e.ScaleToZeroGracePeriod)} until activators are in the path, and at least {Duration(e.LastPodRetention)}."
                    : "One pod always stays.",
                Key("enable-scale-to-zero")
            ),
            .. Reserve(),
            .. Ephemeral(),
        ];

    private IEnumerable<ParameterRow> Reserve()
    {
        if (e.Reserve is not { } reserve)
        {
            yield break;
        }

        yield return new(
            "reserve-scale",
            Number(reserve.Scale),
            "The pods that stay parked while the revision is idle, and the least while it serves requests.",
            FromReserve(ReserveKeys.Scale)
        );
        yield return new(
            "reserve-after",
            Duration(reserve.After),
            "How long without requests before pods are parked; at least the stable window.",
            FromReserve(ReserveKeys.After)
        );
        if (reserve.ParkedSize.Length > 0)
        {
            yield return new(
                "Size of a parked pod",
                reserve.ParkedSize,
                $"What it requests instead of {reserve.FullSize}.",
                $"{FromReserve(ReserveKeys.Cpu)}; {FromReserve(ReserveKeys.Memory)}"
            );
        }
    }

    private IEnumerable<ParameterRow> Ephemeral()
    {
        if (e.MaxRequestsPerPod is { } most)
        {
            yield return new(
                "max-requests-per-pod",
                Number(most),
                "The requests that one pod serves before another takes its place.",
                $"annotation {ReserveKeys.MaxRequestsPerPod}"
            );
        }
    }

    private string TargetSource() =>
        From(
            AutoscalingKeys.Target,
            e.Metric == AutoscalingKeys.RpsMetric ? Key("requests-per-second-target-default")
                : autoscaler.Spec.ContainerConcurrency > 0 ? "containerConcurrency"
                : Key("container-concurrency-target-default")
        );

    private string From(AnnotationKeys keys, string otherwise) =>
        keys.Find(autoscaler.Metadata.Annotations) is { Key: var key } ? $"annotation {key}" : otherwise;

    private string FromReserve(string annotation) =>
        autoscaler.Metadata.Annotations.ContainsKey(annotation)
            ? $"annotation {annotation}"
            : $"config-reserve: {annotation[(annotation.IndexOf('/', StringComparison.Ordinal) + 1)..]}";

    private static string Key(string key) => $"config-autoscaler: {key}";
}
