namespace Serving.LocalCluster.Node.Resizing;

/// <summary>Why the node does not (yet) allocate what a resize asks for.</summary>
/// <param name="Reason"><c>Infeasible</c> or <c>Deferred</c>.</param>
/// <param name="Message">The kubelet's message.</param>
internal sealed record ResizeRefusal(string Reason, string Message)
{
    /// <summary>More than the node has: it will never fit.</summary>
    public const string Infeasible = "Infeasible";

    /// <summary>It fits when other pods need less.</summary>
    public const string Deferred = "Deferred";
}
