using Serving.Dataplane.Inspection;
using Serving.StatusPages.Models;
using static Serving.StatusPages.Pages.Show;

namespace Serving.StatusPages.Pages;

/// <summary>Tells the autoscaler's reasoning in words. Pure.</summary>
internal static class ScalingNarrative
{
    /// <summary>The steps of the latest decision, in the order in which they are made.</summary>
    /// <param name="explanation">The decider's numbers.</param>
    /// <param name="mode">The mode of the ServerlessService; empty while unknown.</param>
    /// <param name="now">The time.</param>
    public static IReadOnlyList<ReasoningStep> Steps(ScalingExplanation explanation, string mode, DateTimeOffset now)
    {
        if (explanation.Decision is not { } made)
        {
            return
            [
                new(
                    "Load",
                    "unknown",
                    explanation.CollectionFailure is { } failure
                        ? $"There are no stats, because collecting them fails: {failure}"
                        : "There are no stats yet: neither an activator has reported requests, nor was a pod scraped."
                ),
                .. ReserveSteps(explanation),
                .. EphemeralSteps(explanation),
                .. explanation.Requested is null ? [] : new[] { Replicas(explanation) },
            ];
        }

        return
        [
            Load(explanation, made),
            Wish(explanation, made),
            Rates(explanation, made),
            PanicMode(explanation, made, now),
            Delay(explanation, made),
            Bounds(explanation, made),
            .. ReserveSteps(explanation),
            .. EphemeralSteps(explanation),
            Replicas(explanation),
            Burst(explanation, made, mode),
        ];
    }

    private static ReasoningStep Load(ScalingExplanation e, ScalingDecision made) =>
        new(
            "Load",
            $"{Number(made.Stable)} stable, {Number(made.Panic)} panic",
            $"The average {(e.Metric == "rps" ? "requests per second" : "concurrency")} of all pods together, over the last {Duration(e.StableWindow)} and the last {Duration(e.PanicWindow)}."
        );

    private static ReasoningStep Wish(ScalingExplanation e, ScalingDecision made) =>
        new(
            "Pods that the load requires",
            $"{Number(made.StableWish)} stable, {Number(made.PanicWish)} panic",
            $"The load divided by the target of {Number(e.Target)} per pod, rounded up."
        );

    private static ReasoningStep Rates(ScalingExplanation e, ScalingDecision made)
    {
        var activation =
            e.ActivationScale > 1 && (made.StablePods == e.ActivationScale || made.PanicPods == e.ActivationScale)
                ? $" The activation scale is {Number(e.ActivationScale)}."
                : "";
        return new(
            "Within the rates of change",
            $"{Number(made.StablePods)} stable, {Number(made.PanicPods)} panic",
            $"{Count(made.ReadyPods, "pod")} ready: one decision may go down to {Number(made.Least)} and up to {Number(made.Most)}.{activation}"
        );
    }

    private static ReasoningStep PanicMode(ScalingExplanation e, ScalingDecision made, DateTimeOffset now)
    {
        var ratio = made.PanicWish / Math.Max(1, made.ReadyPods);
        var compared = $"The panic window requires {Number(ratio)} times the ready pods; the threshold is {Number(e.PanicThreshold)}.";
        return made.PanickingSince is { } since
            ? new(
                "Panic mode",
                $"on: {Count(made.BeforeDelay, "pod")}",
                $"{compared} The threshold was last exceeded {Ago(since, now)}. Until a stable window has passed without that, the scale only rises."
            )
            : new("Panic mode", $"off: {Count(made.BeforeDelay, "pod")}", $"{compared} So the stable window counts.");
    }

    private static ReasoningStep Delay(ScalingExplanation e, ScalingDecision made) =>
        new(
            "Scale-down delay",
            Count(made.DesiredPods, "pod"),
            e.ScaleDownDelay > TimeSpan.Zero
                ? $"The most that was required during the last {Duration(e.ScaleDownDelay)}."
                : "There is no delay."
        );

    private static ReasoningStep Bounds(ScalingExplanation e, ScalingDecision made)
    {
        var bounds = $"At least {Number(e.LowerBound)}, at most {(e.UpperBound == 0 ? "any number" : Number(e.UpperBound))}.";
        return new(
            "Within min-scale and max-scale",
            Count(e.Bounded ?? made.DesiredPods, "pod"),
            e.Bounded == made.DesiredPods ? bounds : $"{bounds} That changes {Number(made.DesiredPods)} to {Number(e.Bounded ?? 0)}."
        );
    }

    private static IEnumerable<ReasoningStep> ReserveSteps(ScalingExplanation e)
    {
        if (e.Reserve is not { } reserve)
        {
            yield break;
        }

        var message = ReserveMessage(reserve);
        yield return reserve.Keeps == 0 ? new("Parked pods", "none", message)
        : e.Wanted == 0 ? new("Parked pods", $"{Number(reserve.Parked)} of {Number(reserve.Keeps)} parked", message)
        : new(
            "Parked pods",
            $"at least {Count(reserve.Keeps, "pod")}",
            $"{Count(reserve.Keeps, "pod")} stay when the revision is idle, so it has as many now. {message}"
        );
    }

    private static string ReserveMessage(ReserveExplanation reserve) =>
        reserve.Message.Length > 0 ? reserve.Message : "The PodAutoscaler has no condition Parked yet.";

    private static IEnumerable<ReasoningStep> EphemeralSteps(ScalingExplanation e)
    {
        if (e.MaxRequestsPerPod is not { } most)
        {
            yield break;
        }

        var served = $"A pod is replaced when it has served {Count(most, "request")}.";
        yield return e.Finishing is { } finishing and > 0
            ? new(
                "Pods that are replaced",
                $"{Count(finishing, "pod")} finishing",
                $"{served} A pod that takes no more and still serves its last requests is no part of min-scale: another stands in for it, within max-scale."
            )
            : new("Pods that are replaced", "none now", served);
    }

    private static ReasoningStep Replicas(ScalingExplanation e) =>
        e.Requested is not { } requested
            ? new("Requested from Kubernetes", "unknown", "The revision is still being activated, or was not reconciled yet.")
            : new("Requested from Kubernetes", Count(requested, "pod"), WhySo(e, requested));

    private static string WhySo(ScalingExplanation e, int requested) =>
        (e.Bounded ?? e.Wanted, e.Wanted, requested) switch
        {
            (_, null, _) => "The replicas of the Deployment; they stay until there is a decision.",
            (0, 0, 0) => "There is no traffic, and activators take the next request.",
            (0, 0, _) when IsKept(e, requested) =>
                "There is no traffic: parked pods stay instead of none, and activators take the next request.",
            (0, _, _) when !e.ScalesToZero => "Scaling to zero is disabled.",
            (0, _, _) =>
                "There is no traffic, but the last pod stays until the revision was idle for a stable window and activators are in the path.",
            var (bounded, wanted, now) when bounded == wanted && wanted == now => "As decided.",
            var (bounded, wanted, now) when bounded == wanted && now > wanted && MoreBecause(e) is { } why =>
                $"{Number(wanted!.Value)} as decided, and {Number(now - wanted.Value)} more: {why}.",
            _ => "The next reconcile applies the decision.",
        };

    /// <summary>Whether the pods of an idle revision are those that it keeps parked, and not the last one on its way to zero.</summary>
    private static bool IsKept(ScalingExplanation e, int requested) =>
        e.Reserve is { Keeps: > 0, Parked: > 0 } reserve && requested >= reserve.Keeps;

    private static string? MoreBecause(ScalingExplanation e) =>
        (e.Reserve is { Keeps: > 0 }, e.Finishing is > 0) switch
        {
            (true, true) => "pods in reserve, and pods in place of those that take no more requests",
            (true, false) => "pods in reserve, or in place of parked ones that do not get their full size",
            (false, true) => "in place of pods that take no more requests",
            _ => null,
        };

    private static ReasoningStep Burst(ScalingExplanation e, ScalingDecision made, string mode)
    {
        var shown = mode.Length == 0 ? "" : $", mode {mode}";
        return e.TargetBurstCapacity switch
        {
            -1 => new(
                "Excess burst capacity",
                $"none{shown}",
                "The target burst capacity is -1: activators are always in the path (Proxy)."
            ),
            0 => new("Excess burst capacity", $"0{shown}", "The target burst capacity is 0: activators are in the path only at zero pods."),
            _ => new(
                "Excess burst capacity",
                $"{Number(made.ExcessBurstCapacity)}{shown}",
                $"{Count(made.ReadyPods, "ready pod")} × {Number(e.Total)} − {Number(e.TargetBurstCapacity)} target burst capacity − {Number(made.Panic)} load. "
                    + (
                        made.ExcessBurstCapacity < 0
                            ? "It is negative, so activators stay in the path and hold what the pods cannot take (Proxy)."
                            : "It is not negative, so requests go to the pods directly (Serve)."
                    )
            ),
        };
    }
}
