namespace Serving.Activator.ColdStarts;

/// <summary>The phases of a cold start, in order; each begins when the one before it ends.</summary>
internal enum ColdStartPhase
{
    /// <summary>From the arrival of the request to the decision of the autoscaler.</summary>
    Decide,

    /// <summary>Until the Deployment has replicas.</summary>
    ScaleWrite,

    /// <summary>Until the pod is bound to a node; its creation by the Deployment's controllers included.</summary>
    Schedule,

    /// <summary>Until the first container started: pulling images, and what the kubelet prepares meanwhile.</summary>
    ImagePull,

    /// <summary>Until all containers started, init containers included.</summary>
    ContainerStart,

    /// <summary>Until the activator forwards the request: the program starts, and the probe succeeds.</summary>
    Ready,

    /// <summary>Until the first byte of the response.</summary>
    FirstByte,
}
