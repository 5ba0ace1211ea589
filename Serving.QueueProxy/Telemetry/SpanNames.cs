namespace Serving.QueueProxy.Telemetry;

/// <summary>
/// The names of the sidecar's spans, those of Knative's. The span of a request contains that of its way through the sidecar, which contains
/// its time in the queue, then the request to the user's program, whose spans are below that.
/// </summary>
internal static class SpanNames
{
    /// <summary>The activity source.</summary>
    public const string Source = "Serving.QueueProxy";

    /// <summary>A request.</summary>
    public const string Server = "queue";

    /// <summary>A request that is counted.</summary>
    public const string Proxy = "kn.queueproxy.proxy";

    /// <summary>Its time in the queue.</summary>
    public const string Wait = "kn.queueproxy.wait";
}
