using Serving.Api.Core;

namespace Serving.Api.Conditions;

/// <summary>
/// Derives the happy condition of a kind from its dependent conditions. Invariant: the happy condition is False when a dependent is False,
/// True only when all dependents are True, and otherwise Unknown. Every operation returns a new list, sorted by type; a condition's
/// lastTransitionTime changes only when another of its fields does.
/// </summary>
public sealed class ConditionSet
{
    private readonly string[] _dependents;

    /// <param name="happy">The type of the happy condition, such as <c>Ready</c>.</param>
    /// <param name="dependents">The conditions that it depends on. Other conditions are informational.</param>
    public ConditionSet(string happy, params string[] dependents)
    {
        ArgumentNullException.ThrowIfNull(happy);
        ArgumentNullException.ThrowIfNull(dependents);
        Happy = happy;
        _dependents = [.. dependents.Where(dependent => dependent != happy).Distinct()];
    }

    /// <summary>The type of the happy condition.</summary>
    public string Happy { get; }

    /// <summary>The condition of this type, or null.</summary>
    public static Condition? Get(IReadOnlyList<Condition> conditions, string type)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        foreach (var condition in conditions)
        {
            if (condition.Type == type)
            {
                return condition;
            }
        }

        return null;
    }

    /// <summary>Appends a sentence to a message, if there is one.</summary>
    internal static string Detail(string sentence, string separator = " ") => sentence.Length > 0 ? separator + sentence : "";

    /// <summary>Whether the condition of this type is True.</summary>
    public static bool IsTrue(IReadOnlyList<Condition> conditions, string type) => Get(conditions, type)?.Status == ConditionStatus.True;

    /// <summary>Whether the condition of this type is False.</summary>
    public static bool IsFalse(IReadOnlyList<Condition> conditions, string type) => Get(conditions, type)?.Status == ConditionStatus.False;

    /// <summary>Whether the condition of this type is missing, or neither True nor False.</summary>
    public static bool IsUnknown(IReadOnlyList<Condition> conditions, string type) =>
        !IsTrue(conditions, type) && !IsFalse(conditions, type);

    /// <summary>
    /// Restores the transition times of conditions that did not change over a whole reconcile, even if they changed within it: only a
    /// change that clients can see is a transition and worth a write.
    /// </summary>
    public static IReadOnlyList<Condition> KeepTimes(IReadOnlyList<Condition> before, IReadOnlyList<Condition> after)
    {
        ArgumentNullException.ThrowIfNull(after);
        return
        [
            .. after.Select(condition =>
                Get(before, condition.Type) is { } known && SaysTheSame(known, condition)
                    ? condition with
                    {
                        LastTransitionTime = known.LastTransitionTime,
                    }
                    : condition
            ),
        ];
    }

    /// <summary>Whether the happy condition is True.</summary>
    public bool IsHappy(IReadOnlyList<Condition> conditions) => IsTrue(conditions, Happy);

    /// <summary>Adds the happy condition and its dependents if missing: Unknown, except that dependents of a happy set are True.</summary>
    public IReadOnlyList<Condition> Initialize(IReadOnlyList<Condition> conditions, DateTimeOffset now)
    {
        var result = conditions;
        var happy = Get(result, Happy);
        if (happy is null)
        {
            happy = new Condition { Type = Happy, Status = ConditionStatus.Unknown };
            result = Set(result, happy, now);
        }

        var status = happy.Status == ConditionStatus.True ? ConditionStatus.True : ConditionStatus.Unknown;
        foreach (var dependent in _dependents)
        {
            if (Get(result, dependent) is null)
            {
                result = Set(result, new Condition { Type = dependent, Status = status }, now);
            }
        }

        return result;
    }

    /// <summary>Marks a condition True, and the happy one when all dependents are.</summary>
    public IReadOnlyList<Condition> MarkTrue(IReadOnlyList<Condition> conditions, string type, DateTimeOffset now) =>
        MarkTrueWithReason(conditions, type, "", "", now);

    /// <summary>Marks a condition True with a reason, and the happy one when all dependents are.</summary>
    public IReadOnlyList<Condition> MarkTrueWithReason(
        IReadOnlyList<Condition> conditions,
        string type,
        string reason,
        string message,
        DateTimeOffset now
    )
    {
        var result = Set(conditions, New(type, ConditionStatus.True, reason, message), now);
        if (Unhappy(result) is { } unhappy)
        {
            return Set(result, New(Happy, unhappy.Status, unhappy.Reason, unhappy.Message), now);
        }

        return type == Happy ? result : Set(result, New(Happy, ConditionStatus.True, "", ""), now);
    }

    /// <summary>Marks a condition False, and the happy one too if it depends on it.</summary>
    public IReadOnlyList<Condition> MarkFalse(
        IReadOnlyList<Condition> conditions,
        string type,
        string reason,
        string message,
        DateTimeOffset now
    )
    {
        var result = Set(conditions, New(type, ConditionStatus.False, reason, message), now);
        return _dependents.Contains(type) ? Set(result, New(Happy, ConditionStatus.False, reason, message), now) : result;
    }

    /// <summary>Marks a condition Unknown, and the happy one too if it depends on it and no dependent is False.</summary>
    public IReadOnlyList<Condition> MarkUnknown(
        IReadOnlyList<Condition> conditions,
        string type,
        string reason,
        string message,
        DateTimeOffset now
    )
    {
        var result = Set(conditions, New(type, ConditionStatus.Unknown, reason, message), now);
        if (_dependents.Any(dependent => IsFalse(result, dependent)))
        {
            return IsFalse(result, Happy) ? result : Set(result, New(Happy, ConditionStatus.False, reason, message), now);
        }

        return _dependents.Contains(type) ? Set(result, New(Happy, ConditionStatus.Unknown, reason, message), now) : result;
    }

    /// <summary>Removes an informational condition; throws for one that the happy condition depends on.</summary>
    public IReadOnlyList<Condition> Clear(IReadOnlyList<Condition> conditions, string type)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        if (IsTerminal(type))
        {
            throw new InvalidOperationException($"condition {type} cannot be removed: {Happy} depends on it");
        }

        return Get(conditions, type) is null ? conditions : [.. conditions.Where(condition => condition.Type != type)];
    }

    private static IReadOnlyList<Condition> Set(IReadOnlyList<Condition> conditions, Condition wanted, DateTimeOffset now)
    {
        var existing = Get(conditions, wanted.Type);
        if (existing is not null && SaysTheSame(existing, wanted))
        {
            return conditions;
        }

        return
        [
            .. conditions
                .Where(condition => condition.Type != wanted.Type)
                .Append(wanted with { LastTransitionTime = now })
                .OrderBy(condition => condition.Type, StringComparer.Ordinal),
        ];
    }

    private static bool SaysTheSame(Condition a, Condition b) =>
        a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message && a.Severity == b.Severity;

    private Condition New(string type, string status, string reason, string message) =>
        new()
        {
            Type = type,
            Status = status,
            Reason = reason,
            Message = message,
            Severity = IsTerminal(type) ? "" : ConditionSeverity.Info,
        };

    private bool IsTerminal(string type) => type == Happy || _dependents.Contains(type);

    /// <summary>The dependent that determines an unhappy set: the newest False one, otherwise the newest Unknown one, otherwise
    /// none.</summary>
    private Condition? Unhappy(IReadOnlyList<Condition> conditions)
    {
        if (_dependents.Length == 0)
        {
            return null;
        }

        var errors = conditions
            .Where(condition => condition.Severity.Length == 0 && condition.Type != Happy)
            .OrderByDescending(condition => condition.LastTransitionTime)
            .ToList();
        return errors.Find(condition => condition.Status == ConditionStatus.False)
            ?? errors.Find(condition => condition.Status == ConditionStatus.Unknown)
            ?? (_dependents.Length > errors.Count ? new Condition { Status = ConditionStatus.Unknown } : null);
    }
}
