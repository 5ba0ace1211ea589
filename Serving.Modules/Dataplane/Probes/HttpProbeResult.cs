namespace Serving.Dataplane.Probes;

/// <summary>The response to a probe.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Body">The first part of the body.</param>
public readonly record struct HttpProbeResult(int Status, string Body)
{
    /// <summary>Whether the kubelet counts the status as success: 200 to 399.</summary>
    public bool IsReady => Status is >= 200 and < 400;
}
