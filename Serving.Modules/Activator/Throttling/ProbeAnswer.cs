namespace Serving.Activator.Throttling;

/// <summary>The result of a probe.</summary>
internal enum ProbeAnswer
{
    /// <summary>Not probed yet.</summary>
    Unknown,

    /// <summary>Not ready in the way of a mesh that blocks requests to the pod: 502, 503, or no response. A starting pod looks the
    /// same.</summary>
    MayBeMesh,

    /// <summary>Not ready, with a response that no mesh sends.</summary>
    NotReady,

    /// <summary>The queue-proxy reports that it is ready.</summary>
    Ready,
}
