namespace Serving.StatusPages.Models;

/// <summary>One Service.</summary>
public sealed record ServicePage : StatusPage
{
    /// <summary>The most revisions and pods that are listed.</summary>
    public const int MostListed = 100;

    /// <summary>The Service as in the overview.</summary>
    public required ServiceRow Service { get; init; }

    /// <summary>Whether it is being deleted.</summary>
    public required bool IsDeleting { get; init; }

    /// <summary>Whether the controller has yet to observe its newest version.</summary>
    public required bool IsOutdated { get; init; }

    /// <summary>Its conditions, and those of its Route and Configuration are in them.</summary>
    public required IReadOnlyList<ConditionGroup> Conditions { get; init; }

    /// <summary>Its traffic.</summary>
    public required IReadOnlyList<TrafficRow> Traffic { get; init; }

    /// <summary>Number of its revisions.</summary>
    public required int RevisionCount { get; init; }

    /// <summary>Its revisions, the newest first.</summary>
    public required IReadOnlyList<RevisionRow> Revisions { get; init; }

    /// <summary>Number of its pods.</summary>
    public required int PodCount { get; init; }

    /// <summary>Its pods.</summary>
    public required IReadOnlyList<PodRow> Pods { get; init; }
}
