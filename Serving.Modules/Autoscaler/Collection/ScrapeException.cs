namespace Serving.Autoscaler.Collection;

/// <summary>The stats of a revision could not be collected.</summary>
internal sealed class ScrapeException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The reason for the Metric's condition.</summary>
    public string Reason { get; init; } = CollectionFailure.CollectionFailed;

    /// <summary>Whether no pod responded, and each failed as behind a mesh.</summary>
    public bool IsMesh { get; init; }
}
