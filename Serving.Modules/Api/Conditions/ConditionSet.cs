using Serving.Api.Core;

namespace Serving.Api;

/// <summary>
/// The rules by which the conditions of one kind make up its happy condition. Invariant: the happy condition is False when a
/// dependent is False, True only when all dependents are True, else Unknown. Every operation returns a new list, sorted by
/// type; a condition's time moves only when anything but the time differs.
/// </summary>
public sealed class ConditionSet
{
    private readonly string[] dependents;

    /// <param name="happy">The condition that sums up the others, as <c>Ready</c>.</param>
    /// <param name="dependents">The conditions that decide it. Conditions that are not named here are informational.</param>
    public ConditionSet(string happy, params string[] dependents)
    {
        ArgumentNullException.ThrowIfNull(happy);
        ArgumentNullException.ThrowIfNull(dependents);
        Happy = happy;
        this.dependents = [.. dependents.Where(dependent => dependent != happy).Distinct()];
    }

    /// <summary>The type of the condition that sums up the others.</summary>
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

    /// <summary>What follows a message when there is more to say; nothing when there is not.</summary>
    internal static string Detail(string sentence, string separator = " ") => sentence.Length > 0 ? separator + sentence : "";

    /// <summary>Whether the condition of this type is there and True.</summary>
    public static bool IsTrue(IReadOnlyList<Condition> conditions, string type) => Get(conditions, type)?.Status == ConditionStatus.True;

    /// <summary>Whether the condition of this type is there and False.</summary>
    public static bool IsFalse(IReadOnlyList<Condition> conditions, string type) => Get(conditions, type)?.Status == ConditionStatus.False;

    /// <summary>Whether the condition of this type is missing, or neither True nor False.</summary>
    public static bool IsUnknown(IReadOnlyList<Condition> conditions, string type) => !IsTrue(conditions, type) && !IsFalse(conditions, type);

    /// <summary>
    /// The conditions as they are after a reconcile; one that says again what it said before it keeps its time, whatever it said in
    /// between: only what a client can see is a transition, and nothing is written for its sake.
    /// </summary>
    public static IReadOnlyList<Condition> KeepTimes(IReadOnlyList<Condition> before, IReadOnlyList<Condition> after)
    {
        ArgumentNullException.ThrowIfNull(after);
        return [.. after.Select(condition => Get(before, condition.Type) is { } known && SaysTheSame(known, condition)
            ? condition with { LastTransitionTime = known.LastTransitionTime }
            : condition)];
    }

    /// <summary>Whether the happy condition is True.</summary>
    public bool IsHappy(IReadOnlyList<Condition> conditions) => IsTrue(conditions, Happy);

    /// <summary>Adds the happy condition and its dependents where missing: Unknown, except that dependents of a happy set are True.</summary>
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
        foreach (var dependent in dependents)
        {
            if (Get(result, dependent) is null)
            {
                result = Set(result, new Condition { Type = dependent, Status = status }, now);
            }
        }

        return result;
    }

    /// <summary>Marks a condition True; the happy one follows when all dependents are.</summary>
    public IReadOnlyList<Condition> MarkTrue(IReadOnlyList<Condition> conditions, string type, DateTimeOffset now)
        => MarkTrueWithReason(conditions, type, "", "", now);

    /// <summary>Marks a condition True and says why; the happy one follows when all dependents are.</summary>
    public IReadOnlyList<Condition> MarkTrueWithReason(IReadOnlyList<Condition> conditions, string type, string reason, string message, DateTimeOffset now)
    {
        var result = Set(conditions, New(type, ConditionStatus.True, reason, message), now);
        if (Unhappy(result) is { } unhappy)
        {
            return Set(result, New(Happy, unhappy.Status, unhappy.Reason, unhappy.Message), now);
        }

        return type == Happy ? result : Set(result, New(Happy, ConditionStatus.True, "", ""), now);
    }

    /// <summary>Marks a condition False, and the happy one with it when it depends on this condition.</summary>
    public IReadOnlyList<Condition> MarkFalse(IReadOnlyList<Condition> conditions, string type, string reason, string message, DateTimeOffset now)
    {
        var result = Set(conditions, New(type, ConditionStatus.False, reason, message), now);
        return dependents.Contains(type) ? Set(result, New(Happy, ConditionStatus.False, reason, message), now) : result;
    }

    /// <summary>Marks a condition Unknown, and the happy one with it when it depends on this condition and no dependent has failed.</summary>
    public IReadOnlyList<Condition> MarkUnknown(IReadOnlyList<Condition> conditions, string type, string reason, string message, DateTimeOffset now)
    {
        var result = Set(conditions, New(type, ConditionStatus.Unknown, reason, message), now);
        if (dependents.Any(dependent => IsFalse(result, dependent)))
        {
            return IsFalse(result, Happy) ? result : Set(result, New(Happy, ConditionStatus.False, reason, message), now);
        }

        return dependents.Contains(type) ? Set(result, New(Happy, ConditionStatus.Unknown, reason, message), now) : result;
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
            .. conditions.Where(condition => condition.Type != wanted.Type)
                .Append(wanted with { LastTransitionTime = now })
                .OrderBy(condition => condition.Type, StringComparer.Ordinal),
        ];
    }

    private static bool SaysTheSame(Condition a, Condition b)
        => a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message && a.Severity == b.Severity;

    private Condition New(string type, string status, string reason, string message) => new()
    {
        Type = type,
        Status = status,
        Reason = reason,
        Message = message,
        Severity = IsTerminal(type) ? "" : ConditionSeverity.Info,
    };

    private bool IsTerminal(string type) => type == Happy || dependents.Contains(type);

    /// <summary>The dependent that keeps the set from being happy: the newest False one, else the newest Unknown one, else none.</summary>
    private Condition? Unhappy(IReadOnlyList<Condition> conditions)
    {
        if (dependents.Length == 0)
        {
            return null;
        }

        var errors = conditions.Where(condition => condition.Severity.Length == 0 && condition.Type != Happy)
            .OrderByDescending(condition => condition.LastTransitionTime).ToList();
        return errors.Find(condition => condition.Status == ConditionStatus.False)
            ?? errors.Find(condition => condition.Status == ConditionStatus.Unknown)
            ?? (dependents.Length > errors.Count ? new Condition { Status = ConditionStatus.Unknown } : null);
    }
}
