using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Reconcilers;

namespace Serving.Autoscaler.Reserve;

/// <summary>Why a revision keeps no parked pods although its settings ask for some.</summary>
/// <param name="Reason">The reason of the condition.</param>
/// <param name="Message">Its message.</param>
internal sealed record ReserveOff(string Reason, string Message)
{
    /// <summary>The first reason that applies; null when none does.</summary>
    public static ReserveOff? Of(AutoscalerSettings settings, ReservePlan plan, bool scalesToZero)
    {
        if (settings.Reserve.Scale == 0)
            return new ReserveOff("NotRequested", "reserve-scale is 0.");
        if (!settings.IsReachable)
            return new ReserveOff("Unreachable", "No route refers to the revision, so it keeps no pods.");
        if (settings.MinScale > 0)
        {
            return new ReserveOff(
                "MinScale",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"min-scale is {settings.MinScale}, so that many pods stay at full size; remove it to park pods."
                )
            );
        }

        if (!scalesToZero)
        {
            return new ReserveOff(
                "ScaleToZeroDisabled",
                "enable-scale-to-zero of config-autoscaler is false, so a pod stays at full size; set it to park pods."
            );
        }

        return plan.Changes.Count > 0 ? null
            : plan.Class == QosClass.BestEffort
                ? new ReserveOff("BestEffort", "The pods request no CPU or memory, and a resize may not change their QoS class.")
            : new ReserveOff("NothingToLower", "No container requests more than reserve-cpu and reserve-memory.");
    }
}
