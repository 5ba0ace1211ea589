namespace Serving.LocalCluster.Node.Probes;

/// <summary>The result of one probe.</summary>
/// <param name="Success">Whether the probe succeeded.</param>
/// <param name="Message">Why it failed, for users.</param>
internal readonly record struct ProbeResult(bool Success, string Message)
{
    /// <summary>A successful probe.</summary>
    public static ProbeResult Well { get; } = new(true, "");

    /// <summary>A failed probe.</summary>
    public static ProbeResult Failed(string message) => new(false, message);
}
