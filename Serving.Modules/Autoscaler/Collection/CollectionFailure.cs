namespace Serving.Autoscaler.Collection;

/// <summary>Why there are no stats of a revision.</summary>
/// <param name="Reason">The reason for the Metric's condition.</param>
/// <param name="Message">The message for the Metric's condition.</param>
internal sealed record CollectionFailure(string Reason, string Message)
{
    /// <summary>Pods did not respond to the scrape.</summary>
    public const string CollectionFailed = "CollectionFailed";

    /// <summary>Behind a mesh, the same pods responded repeatedly.</summary>
    public const string DidNotReceiveStat = "DidNotReceiveStat";

    /// <summary>Nothing to scrape yet: the Service of the pods is unknown.</summary>
    public const string NoEndpoints = "NoEndpoints";
}
