namespace Serving.Activator.Throttling;

/// <summary>Chooses the pod for a request.</summary>
internal interface ILoadBalancingPolicy
{
    /// <summary>A pod with a place that is reserved for the caller, or null when none has one.</summary>
    PodTracker? Reserve(PodTracker[] pods);
}
