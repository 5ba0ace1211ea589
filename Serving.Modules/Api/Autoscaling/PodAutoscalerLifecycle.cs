using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>
/// The conditions of a PodAutoscaler. Active False: at zero, or about to be; Unknown: pods are coming up; True: they serve.
/// How long Active has been what it is decides when the last pod goes.
/// </summary>
public static class PodAutoscalerLifecycle
{
    public const string Ready = "Ready";
    public const string Active = "Active";
    public const string ScaleTargetInitialized = "ScaleTargetInitialized";
    public const string SksReady = "SKSReady";

    /// <summary>The reason of Active while there is nothing to do.</summary>
    public const string NoTraffic = "NoTraffic";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, Active, ScaleTargetInitialized, SksReady);

    public static PodAutoscalerStatus Initialize(PodAutoscalerStatus status, DateTimeOffset now)
        => With(status, Conditions.Initialize(Of(status), now));

    /// <summary>Whether the newest specification was seen and the conditions are happy.</summary>
    public static bool IsReady(PodAutoscaler autoscaler)
    {
        ArgumentNullException.ThrowIfNull(autoscaler);
        return (autoscaler.Status.ObservedGeneration ?? 0) == (autoscaler.Metadata.Generation ?? 0) && Conditions.IsHappy(autoscaler.Status.Conditions);
    }

    public static bool IsActive(PodAutoscalerStatus status) => ConditionSet.IsTrue(Of(status), Active);

    public static bool IsInactive(PodAutoscalerStatus status) => ConditionSet.IsFalse(Of(status), Active);

    /// <summary>Whether pods are coming up. Not so before the condition was first set.</summary>
    public static bool IsActivating(PodAutoscalerStatus status) => ConditionSet.Get(Of(status), Active)?.Status == ConditionStatus.Unknown;

    public static bool IsScaleTargetInitialized(PodAutoscalerStatus status) => ConditionSet.IsTrue(Of(status), ScaleTargetInitialized);

    /// <summary>How long Active has been True; negative when it is not.</summary>
    public static TimeSpan ActiveFor(PodAutoscalerStatus status, DateTimeOffset now) => InStatusFor(status, ConditionStatus.True, now);

    /// <summary>How long Active has been False; negative when it is not.</summary>
    public static TimeSpan InactiveFor(PodAutoscalerStatus status, DateTimeOffset now) => InStatusFor(status, ConditionStatus.False, now);

    /// <summary>How long Active has been Unknown; negative when it is not.</summary>
    public static TimeSpan ActivatingFor(PodAutoscalerStatus status, DateTimeOffset now) => InStatusFor(status, ConditionStatus.Unknown, now);

    public static PodAutoscalerStatus MarkActive(PodAutoscalerStatus status, DateTimeOffset now)
        => With(status, Conditions.MarkTrue(Of(status), Active, now));

    public static PodAutoscalerStatus MarkActivating(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now)
        => With(status, Conditions.MarkUnknown(Of(status), Active, reason, message, now));

    public static PodAutoscalerStatus MarkInactive(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now)
        => With(status, Conditions.MarkFalse(Of(status), Active, reason, message, now));

    public static PodAutoscalerStatus MarkScaleTargetInitialized(PodAutoscalerStatus status, DateTimeOffset now)
        => With(status, Conditions.MarkTrue(Of(status), ScaleTargetInitialized, now));

    public static PodAutoscalerStatus MarkSksReady(PodAutoscalerStatus status, DateTimeOffset now)
        => With(status, Conditions.MarkTrue(Of(status), SksReady, now));

    /// <summary>What leads to pods cannot be had.</summary>
    public static PodAutoscalerStatus MarkSksFailed(PodAutoscalerStatus status, string reason, string message, DateTimeOffset now)
        => With(status, Conditions.MarkFalse(Of(status), SksReady, reason, message, now));

    public static PodAutoscalerStatus MarkSksNotReady(PodAutoscalerStatus status, string message, DateTimeOffset now)
        => With(status, Conditions.MarkUnknown(Of(status), SksReady, "NotReady", message, now));

    /// <summary>Another object has the name of a child.</summary>
    public static PodAutoscalerStatus MarkResourceNotOwned(PodAutoscalerStatus status, string kind, string name, DateTimeOffset now, string holder = "")
        => MarkInactive(status, "NotOwned", $"There is an existing {kind} \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>A child could not be created.</summary>
    public static PodAutoscalerStatus MarkResourceFailedCreation(PodAutoscalerStatus status, string kind, string name, DateTimeOffset now, string why = "")
        => MarkInactive(status, "FailedCreate", $"Failed to create {kind} \"{name}\".{ConditionSet.Detail(why)}", now);

    private static TimeSpan InStatusFor(PodAutoscalerStatus status, string value, DateTimeOffset now)
        => ConditionSet.Get(Of(status), Active) is { LastTransitionTime: { } since } condition && condition.Status == value
            ? now - since
            : TimeSpan.FromTicks(-1);

    private static IReadOnlyList<Condition> Of(PodAutoscalerStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static PodAutoscalerStatus With(PodAutoscalerStatus status, IReadOnlyList<Condition> conditions) => status with { Conditions = conditions };
}
