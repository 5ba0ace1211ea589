namespace Serving.StatusPages.Models;

/// <summary>A Lease.</summary>
/// <param name="Name">The name.</param>
/// <param name="State">What its state means.</param>
/// <param name="Status"><c>Held</c>, <c>Free</c> or <c>Not renewed</c>.</param>
/// <param name="Holder">The pod that holds it; empty for none.</param>
/// <param name="Address">The address of that pod; empty for none.</param>
/// <param name="IsOurs">Whether this process holds it.</param>
/// <param name="Since">When it was acquired.</param>
/// <param name="Renewed">When it was last renewed, by the clock of its holder.</param>
/// <param name="Duration">How long it lasts without a renewal.</param>
/// <param name="Transitions">How often its holder changed.</param>
public sealed record LeaseRow(
    string Name,
    StateKind State,
    string Status,
    string Holder,
    string Address,
    bool IsOurs,
    DateTimeOffset? Since,
    DateTimeOffset? Renewed,
    TimeSpan? Duration,
    int Transitions
);
