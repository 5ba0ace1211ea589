namespace Serving.Autoscaler.Collection;

/// <summary>Measurements of a revision should have come in, but did not.</summary>
internal sealed class ScrapeException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What the Metric's condition says.</summary>
    public string Reason { get; init; } = CollectionFailure.CollectionFailed;

    /// <summary>Whether no pod answered, and each failed as it would behind a mesh.</summary>
    public bool IsMesh { get; init; }
}
