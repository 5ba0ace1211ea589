namespace Serving.Api.Core;

/// <summary>The quality of service that Kubernetes derives from a pod's requests and limits of CPU and memory.</summary>
public enum QosClass
{
    /// <summary>No container has a request or limit.</summary>
    BestEffort,

    /// <summary>Neither of the others.</summary>
    Burstable,

    /// <summary>Every container has limits of both, and requests that equal them.</summary>
    Guaranteed,
}
