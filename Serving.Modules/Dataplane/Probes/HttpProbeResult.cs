namespace Serving.Dataplane.Probes;

/// <summary>The answer to a probe.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Body">How the body starts.</param>
public readonly record struct HttpProbeResult(int Status, string Body)
{
    /// <summary>Whether the kubelet would take it for ready: 200 to 399.</summary>
    public bool IsReady => Status is >= 200 and < 400;
}
