namespace Serving.Activator.Throttling;

/// <summary>Selects the pod for a request.</summary>
internal interface ILoadBalancingPolicy
{
    /// <summary>A pod with a slot reserved for the caller, or null when none is free.</summary>
    PodTracker? Reserve(PodTracker[] pods);
}
