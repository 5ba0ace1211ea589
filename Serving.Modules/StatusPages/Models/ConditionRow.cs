namespace Serving.StatusPages.Models;

/// <summary>A condition of an object.</summary>
/// <param name="Type">The type.</param>
/// <param name="State">What it means.</param>
/// <param name="Status"><c>True</c>, <c>False</c> or <c>Unknown</c>.</param>
/// <param name="Reason">The reason; empty for none.</param>
/// <param name="Message">The message; empty for none.</param>
/// <param name="Since">When the status last changed; null while unknown.</param>
public sealed record ConditionRow(string Type, StateKind State, string Status, string Reason, string Message, DateTimeOffset? Since);
