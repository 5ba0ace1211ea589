using Serving.Api.Autoscaling;
using static Serving.Api.Autoscaling.PodAutoscalerLifecycle;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Derives a PodAutoscaler's conditions from the desired and the ready pods. Pure.</summary>
internal static class ActiveCondition
{
    /// <summary>
    /// Number of ready pods for the target to be active: at first the initial scale, later at least one. Capped at the maximum scale,
    /// because a target with a larger minimum or initial scale would wait for pods that are never created.
    /// </summary>
    public static int Threshold(PodAutoscalerStatus status, AutoscalerSettings settings)
    {
        var least = Math.Max(settings.MinScale, IsScaleTargetInitialized(status) ? 1 : settings.InitialScale);
        return settings.MaxScale > 0 ? Math.Min(least, settings.MaxScale) : least;
    }

    /// <summary>The status for <paramref name="want"/> (-1: unknown) desired and <paramref name="ready"/> ready pods.
    /// <paramref name="idle"/> is the reason while there is no traffic.</summary>
    public static PodAutoscalerStatus Apply(
        PodAutoscalerStatus status,
        AutoscalerSettings settings,
        int want,
        int ready,
        DateTimeOffset now,
        string idle = NoTraffic
    )
    {
        var least = Threshold(status, settings);
        if (ready >= least && status.ServiceName.Length > 0)
            status = MarkScaleTargetInitialized(status, now);
        if (want == 0 || least == 0)
        {
            // Starting pods are scaled to zero only when they took too long.
            return IsActivating(status) && least > 0
                ? MarkInactive(status, "TimedOut", "The target could not be activated.", now)
                : NoTrafficNow(status, now, idle);
        }

        var isWanted = want > 0 || !IsInactive(status);
        if (ready >= least)
            return isWanted ? MarkActive(status, now) : status;
        return isWanted
            ? MarkActivating(status, "Queued", "Requests to the target are being buffered as resources are provisioned.", now)
            : NoTrafficNow(status, now, idle);
    }

    private static PodAutoscalerStatus NoTrafficNow(PodAutoscalerStatus status, DateTimeOffset now, string reason) =>
        MarkInactive(status, reason, "The target is not receiving traffic.", now);
}
