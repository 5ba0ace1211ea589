namespace Serving.Activator.Requests;

/// <summary>Why the activator did not proxy a request, as an attribute of metrics.</summary>
internal static class RejectedReason
{
    /// <summary>The queue of the revision is full.</summary>
    public const string QueueFull = "queue_full";

    /// <summary>No pod accepted it.</summary>
    public const string NoPod = "no_pod";

    /// <summary>The revision was deleted while it waited.</summary>
    public const string Deleted = "deleted";
}
