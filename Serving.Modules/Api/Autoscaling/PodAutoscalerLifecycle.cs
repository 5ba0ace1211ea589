using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>
/// The conditions of a PodAutoscaler. Active False: at zero, or about to be; Unknown: pods are starting; True: pods serve requests.
/// The time since Active last changed determines when the last pod is removed.
/// </summary>
public static class PodAutoscalerLifecycle
{
    public const string Ready = "Ready";
    public const string Active = "Active";
    public const string ScaleTargetInitialized = "ScaleTargetInitialized";
    public const string SksReady = "SKSReady";

    /// <summary>The reason of Active while there is no traffic.</summary>
    public const string NoTraffic = "NoTraffic";

    /// <summary>Whether the pods of an idle revision are parked; informational. Only where parked pods were asked for. Also the reason of
    /// Active while they are.</summary>
    public const string Parked = "Parked";

    /// <summary>The reason of Active while there is no traffic and pods are kept, but not all are parked.</summary>
    public const string Kept = "Kept";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, Active, ScaleTargetInitialized, SksReady);

    public static PodAutoscalerStatus Initialize(PodAutoscalerStatus status, DateTimeOffset now) =>
        With(status, Conditions.Initialize(Of(status), now));

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(PodAutoscaler autoscaler)
    {
        ArgumentNullException.ThrowIfNull(autoscaler);
        return (autoscaler.Status.ObservedGeneration ?? 0) == (autoscaler.Metadata.Generation ?? 0)
            && Conditions.IsHappy(autoscaler.Status.Conditions);
    }

    public static bool IsActive(PodAutoscalerStatus status) => ConditionSet.IsTrue(Of(status), Active);

    public static bool IsInactive(PodAutoscalerStatus status) => ConditionSet.IsFalse(Of(status), Active);

    /// <summary>Whether pods are starting. False before the condition was first set.</summary>
    public static bool IsActivating(PodAutoscalerStatus status) => ConditionSet.Get(Of(status), Active)?.Status == ConditionStatus.Unknown;

    public static bool IsScaleTargetInitialized(PodAutoscalerStatus status) => ConditionSet.IsTrue(Of(status), ScaleTargetInitialized);

    /// <summary>How long Active has been True; negative if it is not.</summary>
    public static TimeSpan ActiveFor(PodAutoscalerStatus status, DateTimeOffset now) => InStatusFor(status, ConditionStatus.True, now);

    /// <summary>How long Active has been False; negative if it is not.</summary>
    public static TimeSpan InactiveFor(PodAutoscalerStatus status, DateTimeOffset now) => InStatusFor(status, ConditionStatus.False, now);

    /// <summary>How long Active has been Unknown; negative if it is not.</summary>
    public static TimeSpan ActivatingFor(PodAutoscalerStatus status, DateTimeOffset now) =>
        InStatusFor(status, ConditionStatus.Unknown, now);

    public static PodAutoscalerStatus MarkActive(PodAutoscalerStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), Active, now));

    public static PodAutoscalerStatus MarkActivating(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), Active, reason, message, now));

    public static PodAutoscalerStatus MarkInactive(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), Active, reason, message, now));

    public static PodAutoscalerStatus MarkScaleTargetInitialized(PodAutoscalerStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), ScaleTargetInitialized, now));

    public static PodAutoscalerStatus MarkSksReady(PodAutoscalerStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), SksReady, now));

    /// <summary>The ServerlessService failed.</summary>
    public static PodAutoscalerStatus MarkSksFailed(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), SksReady, reason, message, now));

    public static PodAutoscalerStatus MarkSksNotReady(PodAutoscalerStatus status, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), SksReady, "NotReady", message, now));

    /// <summary>An object that we do not own has the name of a child.</summary>
    public static PodAutoscalerStatus MarkResourceNotOwned(
        PodAutoscalerStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string holder = ""
    ) => MarkInactive(status, "NotOwned", $"There is an existing {kind} \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>A child could not be created.</summary>
    public static PodAutoscalerStatus MarkResourceFailedCreation(
        PodAutoscalerStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string why = ""
    ) => MarkInactive(status, "FailedCreate", $"Failed to create {kind} \"{name}\".{ConditionSet.Detail(why)}", now);

    /// <summary>Whether the revision is idle and keeps pods.</summary>
    public static bool IsKept(PodAutoscalerStatus status) =>
        ConditionSet.Get(Of(status), Active) is { Status: ConditionStatus.False, Reason: Parked or Kept };

    /// <summary>Whether the condition Parked is there.</summary>
    public static bool HasParked(PodAutoscalerStatus status) => ConditionSet.Get(Of(status), Parked) is not null;

    /// <summary>The reason of the condition Parked; empty without one.</summary>
    public static string ParkedReason(PodAutoscalerStatus status) => ConditionSet.Get(Of(status), Parked)?.Reason ?? "";

    /// <summary>Sets the condition Parked to a value of <see cref="ConditionStatus"/>.</summary>
    public static PodAutoscalerStatus MarkParked(
        PodAutoscalerStatus status,
        string value,
        string reason,
        string message,
        DateTimeOffset now
    ) =>
        With(
            status,
            value switch
            {
                ConditionStatus.True => Conditions.MarkTrueWithReason(Of(status), Parked, reason, message, now),
                ConditionStatus.False => Conditions.MarkFalse(Of(status), Parked, reason, message, now),
                _ => Conditions.MarkUnknown(Of(status), Parked, reason, message, now),
            }
        );

    /// <summary>Removes the condition Parked.</summary>
    public static PodAutoscalerStatus ClearParked(PodAutoscalerStatus status) => With(status, Conditions.Clear(Of(status), Parked));

    private static TimeSpan InStatusFor(PodAutoscalerStatus status, string value, DateTimeOffset now) =>
        ConditionSet.Get(Of(status), Active) is { LastTransitionTime: { } since } condition && condition.Status == value
            ? now - since
            : TimeSpan.FromTicks(-1);

    private static IReadOnlyList<Condition> Of(PodAutoscalerStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static PodAutoscalerStatus With(PodAutoscalerStatus status, IReadOnlyList<Condition> conditions) =>
        status with
        {
            Conditions = conditions,
        };
}
