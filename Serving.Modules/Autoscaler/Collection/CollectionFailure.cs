namespace Serving.Autoscaler.Collection;

/// <summary>Why nothing was measured of a revision.</summary>
/// <param name="Reason">The reason in the Metric's condition.</param>
/// <param name="Message">What happened.</param>
internal sealed record CollectionFailure(string Reason, string Message)
{
    /// <summary>Pods were asked, and did not answer.</summary>
    public const string CollectionFailed = "CollectionFailed";

    /// <summary>Behind a mesh, the same pods answered again and again.</summary>
    public const string DidNotReceiveStat = "DidNotReceiveStat";

    /// <summary>There is nothing to ask yet: the Service of the pods is not known.</summary>
    public const string NoEndpoints = "NoEndpoints";
}
