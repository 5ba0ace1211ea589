using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;

namespace Serving.Autoscaler.Reserve;

/// <summary>Derives the condition Parked. Its texts change only with what happens to pods, so that an idle revision is not written.
/// Pure.</summary>
internal static class ParkedCondition
{
    /// <summary>The status for <paramref name="want"/> desired pods (-1: unknown).</summary>
    public static PodAutoscalerStatus Apply(
        PodAutoscalerStatus status,
        RevisionReserve reserve,
        int want,
        ResizeMemory.Refusal? refusal,
        DateTimeOffset now
    )
    {
        if (reserve.Settings.Scale == 0 && !reserve.Pods.Any(pod => PodSize.IsReduced(pod, reserve.Plan)))
            return PodAutoscalerLifecycle.ClearParked(status);
        if (Decide(status, reserve, want, refusal) is not var (value, reason, message))
            return status;
        return PodAutoscalerLifecycle.MarkParked(status, value, reason, message, now);
    }

    private static (string Status, string Reason, string Message)? Decide(
        PodAutoscalerStatus status,
        RevisionReserve reserve,
        int want,
        ResizeMemory.Refusal? refusal
    )
    {
        if (want > 0)
            return Awake(reserve, refusal);
        if (reserve.Off is { } off)
            return (ConditionStatus.False, off.Reason, off.Message);
        if (refusal is not null)
            return Refused(reserve, refusal);
        if (!PodAutoscalerLifecycle.IsKept(status))
        {
            // Before it is idle, or at zero.
            return want < 0 ? null : (ConditionStatus.False, "Awake", Waits(reserve));
        }

        return Idle(reserve);
    }

    private static (string, string, string) Idle(RevisionReserve reserve)
    {
        var (parked, all) = (reserve.Parked, Math.Max(reserve.Pods.Count, reserve.Keeps));
        if (parked < all)
        {
            return (
                ConditionStatus.Unknown,
                "Resizing",
                string.Create(CultureInfo.InvariantCulture, $"{parked} of {Parking.Count(all)} parked.")
            );
        }

        var sizes = $"{Parking.Sizes(reserve.Target, parked: true)} instead of {Parking.Sizes(reserve.Target, parked: false)}";
        var progress = reserve.Pods.Select(pod => PodSize.ProgressOf(pod, reserve.Target)).MaxBy(static one => one.State);
        return progress.State switch
        {
            ResizeState.Granted => (ConditionStatus.True, "Parked", $"{Parking.Count(all)} parked with requests of {sizes}."),
            ResizeState.InProgress => (ConditionStatus.Unknown, "Resizing", $"{Parking.Count(all)} asked to request {sizes}."),
            _ => (
                ConditionStatus.True,
                "PartlyGranted",
                $"{Parking.Count(all)} asked to request {sizes}; the node has not granted all of it: {progress.Message}"
            ),
        };
    }

    private static (string, string, string) Awake(RevisionReserve reserve, ResizeMemory.Refusal? refusal)
    {
        if (reserve.Refused is { } message)
            return (ConditionStatus.False, Parking.ResizeRefused, $"A parked pod cannot get its full size back, another starts: {message}");
        var pending = reserve.Pods.Select(pod => PodSize.ProgressOf(pod, reserve.Plan)).Where(static one => one.IsPending).ToList();
        if (pending.Count > 0)
        {
            return (
                ConditionStatus.False,
                pending[0].State == ResizeState.Deferred ? Parking.Deferred : Parking.Infeasible,
                $"{Parking.Count(pending.Count)} cannot grow to full size on the node, so as many start elsewhere: {pending[0].Message}"
            );
        }

        return reserve.Off is { } off ? (ConditionStatus.False, off.Reason, off.Message)
            : refusal is not null ? Refused(reserve, refusal)
            : (ConditionStatus.False, "Awake", Waits(reserve));
    }

    private static (string, string, string) Refused(RevisionReserve reserve, ResizeMemory.Refusal refusal) =>
        (
            ConditionStatus.False,
            refusal.Reason,
            $"{Parking.Count(reserve.Keeps)} {(reserve.Keeps == 1 ? "stays" : "stay")} at full size while idle: {refusal.Message}"
        );

    private static string Waits(RevisionReserve reserve) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Parking.Count(reserve.Keeps)} {(reserve.Keeps == 1 ? "is" : "are")} parked after {reserve.ParksAfter.TotalSeconds:0.###}s without requests."
        );
}
