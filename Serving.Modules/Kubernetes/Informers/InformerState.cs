namespace Serving.Kubernetes.Informers;

/// <summary>The state of an informer at one moment, for metrics and display.</summary>
/// <param name="ApiVersion">Group and version of the collection.</param>
/// <param name="Kind">The kind.</param>
public sealed record InformerState(string ApiVersion, string Kind)
{
    /// <summary>The collection with its group, such as <c>revisions.serving.knative.dev</c>.</summary>
    public string Resource { get; init; } = "";

    /// <summary>The namespace; empty for all.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The selectors, in query syntax; empty for all objects.</summary>
    public string Selector { get; init; } = "";

    /// <summary>Namespace and selectors; empty for the whole collection.</summary>
    public string Scope => string.Join(", ", new[] { Namespace, Selector }.Where(static part => part.Length > 0));

    /// <summary>Number of cached objects.</summary>
    public int Objects { get; init; }

    /// <summary>Whether the first list is in the cache.</summary>
    public bool HasSynced { get; init; }

    /// <summary>When the watch last delivered an event; null when it has delivered none.</summary>
    public DateTimeOffset? LastEvent { get; init; }

    /// <summary>Since when the server has not confirmed that the cache is current, by an event, a bookmark or a list; null before the first
    /// list.</summary>
    public TimeSpan? Lag { get; init; }

    /// <summary>Number of complete lists; more than one are relists, because the watch could not be resumed.</summary>
    public long Lists { get; init; }

    /// <summary>How often listing or watching failed.</summary>
    public long Failures { get; init; }

    /// <summary>Why the last turn failed; null while it lists and watches.</summary>
    public string? LastError { get; init; }

    /// <summary>Why it is stuck; null while it makes progress.</summary>
    public string? StuckReason { get; init; }
}
