namespace Serving.Autoscaler.Collection;

/// <summary>State kept between the scrapes of one revision.</summary>
internal sealed class ScrapeMemory
{
    private volatile bool _isBehindMesh;

    /// <summary>Whether its pods are unreachable at their own addresses but its Service responds.</summary>
    public bool IsBehindMesh
    {
        get => _isBehindMesh;
        set => _isBehindMesh = value;
    }
}
