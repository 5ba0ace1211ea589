namespace Serving.Autoscaler.Collection;

/// <summary>What the scrapes of one revision found out for those after them.</summary>
internal sealed class ScrapeMemory
{
    private volatile bool isBehindMesh;

    /// <summary>Whether its pods do not answer at their own addresses, but its Service does.</summary>
    public bool IsBehindMesh
    {
        get => isBehindMesh;
        set => isBehindMesh = value;
    }
}
