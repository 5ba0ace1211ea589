namespace Serving.QueueProxy.Readiness;

/// <summary>What one attempt to probe found.</summary>
internal enum ProbeOutcome
{
    /// <summary>The container is ready.</summary>
    Ready,

    /// <summary>It is not, or did not say so in time.</summary>
    Failed,

    /// <summary>Nobody listens: the container has heard nothing of the attempt.</summary>
    Refused,
}
