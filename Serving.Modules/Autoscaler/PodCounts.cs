namespace Serving.Autoscaler;

/// <summary>The pods of a revision by state; pending and terminating ones also count as not ready, and parked ones as ready once they
/// are.</summary>
internal readonly record struct PodCounts(int Ready, int NotReady, int Pending, int Terminating, int Parked = 0);
