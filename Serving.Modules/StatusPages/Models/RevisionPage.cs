namespace Serving.StatusPages.Models;

/// <summary>One revision.</summary>
public sealed record RevisionPage : StatusPage
{
    /// <summary>The namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The Service; empty for none.</summary>
    public required string Service { get; init; }

    /// <summary>The revision in a row.</summary>
    public required RevisionRow Revision { get; init; }

    /// <summary>Containers and their images.</summary>
    public required IReadOnlyList<ContainerRow> Containers { get; init; }

    /// <summary>Maximum number of concurrent requests per pod; 0 for no limit.</summary>
    public required long ContainerConcurrency { get; init; }

    /// <summary>Seconds within which a response must be complete; null for the default.</summary>
    public required long? TimeoutSeconds { get; init; }

    /// <summary>The conditions of the revision and of the objects that serve it.</summary>
    public required IReadOnlyList<ConditionGroup> Conditions { get; init; }

    /// <summary>Number of its pods.</summary>
    public required int PodCount { get; init; }

    /// <summary>Its pods.</summary>
    public required IReadOnlyList<PodRow> Pods { get; init; }
}
