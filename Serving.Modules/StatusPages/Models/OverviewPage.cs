namespace Serving.StatusPages.Models;

/// <summary>The Services of the cluster. Those that are not ready come first.</summary>
public sealed record OverviewPage : StatusPage
{
    /// <summary>The most Services of a page.</summary>
    public const int PageSize = 50;

    /// <summary>The filter.</summary>
    public required OverviewQuery Query { get; init; }

    /// <summary>What this process does not know, because none of its modules needs it; null when it knows all.</summary>
    public string? Unknown { get; init; }

    /// <summary>Number of all Services.</summary>
    public int Total { get; init; }

    /// <summary>Number of Services that are ready.</summary>
    public int Ready { get; init; }

    /// <summary>Number of Services that are neither ready nor failing yet.</summary>
    public int Waiting { get; init; }

    /// <summary>Number of Services that fail.</summary>
    public int Failing { get; init; }

    /// <summary>Number of pods of all revisions.</summary>
    public int Pods { get; init; }

    /// <summary>Number of Services that match the filter.</summary>
    public int Matching { get; init; }

    /// <summary>Number of pages.</summary>
    public int Pages { get; init; } = 1;

    /// <summary>The Services of the page.</summary>
    public IReadOnlyList<ServiceRow> Services { get; init; } = [];
}
