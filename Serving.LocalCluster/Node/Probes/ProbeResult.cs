namespace Serving.LocalCluster.Node.Probes;

/// <summary>What one probe found.</summary>
/// <param name="Success">Whether the container is well.</param>
/// <param name="Message">Why it is not, for people.</param>
internal readonly record struct ProbeResult(bool Success, string Message)
{
    /// <summary>The container is well.</summary>
    public static ProbeResult Well { get; } = new(true, "");

    /// <summary>The container is not well.</summary>
    public static ProbeResult Failed(string message) => new(false, message);
}
