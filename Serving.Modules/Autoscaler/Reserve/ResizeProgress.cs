namespace Serving.Autoscaler.Reserve;

/// <summary>How far a node is with a resize.</summary>
internal enum ResizeState
{
    /// <summary>The containers have what the pod requests.</summary>
    Granted,

    /// <summary>The node is at it, or has not seen it yet.</summary>
    InProgress,

    /// <summary>The node tries again and again, such as to lower memory that the program uses.</summary>
    Stuck,

    /// <summary>The node has no room now.</summary>
    Deferred,

    /// <summary>The node can never do it.</summary>
    Infeasible,
}

/// <summary>The state of a pod's resize, with the node's message about it.</summary>
internal readonly record struct ResizeProgress(ResizeState State, string Message)
{
    /// <summary>Whether the node does not give the pod what it requests.</summary>
    public bool IsPending => State is ResizeState.Deferred or ResizeState.Infeasible;
}
