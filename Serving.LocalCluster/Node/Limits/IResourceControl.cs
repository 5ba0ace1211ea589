namespace Serving.LocalCluster.Node.Limits;

/// <summary>How the node makes processes keep to the limits of their containers; what this machine permits is chosen by
/// <see cref="ResourceControl.Choose"/>.</summary>
internal interface IResourceControl : IDisposable
{
    /// <summary>What is enforced and by what, for a log line and the Node object.</summary>
    string Description { get; }

    /// <summary>The control of one container, over all its restarts.</summary>
    /// <param name="name">A name that no other container of the node has; usable as a file name.</param>
    IContainerControl For(string name);
}
