namespace Serving.StatusPages.Models;

/// <summary>Who leads what.</summary>
public sealed record LeadersPage : StatusPage
{
    /// <summary>The most Leases that are listed.</summary>
    public const int MostListed = 200;

    /// <summary>Whether leaders hold Leases.</summary>
    public required bool UsesLeases { get; init; }

    /// <summary>The modules that this process leads.</summary>
    public required IReadOnlyList<string> Leading { get; init; }

    /// <summary>Number of Leases in the namespace of the control plane.</summary>
    public required int LeaseCount { get; init; }

    /// <summary>The Leases.</summary>
    public required IReadOnlyList<LeaseRow> Leases { get; init; }
}
