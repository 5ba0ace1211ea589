using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>The conditions of a Metric: Ready while stats are collected.</summary>
public static class MetricLifecycle
{
    public const string Ready = "Ready";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready);

    public static KnativeStatus Initialize(KnativeStatus status, DateTimeOffset now) =>
        With(status, Conditions.Initialize(Of(status), now));

    public static KnativeStatus MarkReady(KnativeStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), Ready, now));

    /// <summary>Stats cannot be collected yet.</summary>
    public static KnativeStatus MarkNotReady(KnativeStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), Ready, reason, message, now));

    /// <summary>Collecting stats fails.</summary>
    public static KnativeStatus MarkFailed(KnativeStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), Ready, reason, message, now));

    private static IReadOnlyList<Condition> Of(KnativeStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static KnativeStatus With(KnativeStatus status, IReadOnlyList<Condition> conditions) => status with { Conditions = conditions };
}
