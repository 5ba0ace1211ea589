namespace Serving.Activator.Throttling;

/// <summary>What a probe found.</summary>
internal enum ProbeAnswer
{
    /// <summary>Nobody has been asked yet.</summary>
    Unknown,

    /// <summary>Not ready, as where a mesh lets nobody through to the pod: 502, 503, or no answer. A pod that starts looks the same.</summary>
    MayBeMesh,

    /// <summary>Not ready, by an answer that no mesh gives.</summary>
    NotReady,

    /// <summary>The queue-proxy says that it is ready.</summary>
    Ready,
}
