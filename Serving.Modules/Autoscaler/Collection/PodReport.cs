namespace Serving.Autoscaler.Collection;

/// <summary>What a queue-proxy reports of this moment.</summary>
/// <param name="InFlight">The number of requests in flight.</param>
/// <param name="IsSpent">Whether the pod has taken the number of requests that it serves.</param>
internal readonly record struct PodReport(int InFlight, bool IsSpent);
