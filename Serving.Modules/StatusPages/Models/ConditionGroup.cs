namespace Serving.StatusPages.Models;

/// <summary>The conditions of one object.</summary>
/// <param name="Kind">The kind of the object.</param>
/// <param name="Conditions">Its conditions, the happy one first.</param>
public sealed record ConditionGroup(string Kind, IReadOnlyList<ConditionRow> Conditions);
