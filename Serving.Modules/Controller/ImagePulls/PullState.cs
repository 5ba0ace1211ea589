namespace Serving.Controller.ImagePulls;

/// <summary>How far a pull is.</summary>
internal enum PullState
{
    /// <summary>Not finished.</summary>
    Running,

    /// <summary>The node has the image.</summary>
    Pulled,

    /// <summary>The node does not get it.</summary>
    Failed,
}
