namespace Serving.QueueProxy.Readiness;

/// <summary>The result of a single probe.</summary>
internal enum ProbeOutcome
{
    /// <summary>The container is ready.</summary>
    Ready,

    /// <summary>The container is not ready, or did not respond in time.</summary>
    Failed,

    /// <summary>The connection was refused: the container did not notice the attempt.</summary>
    Refused,
}
