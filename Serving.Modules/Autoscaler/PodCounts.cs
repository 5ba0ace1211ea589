namespace Serving.Autoscaler;

/// <summary>The pods of a revision by state; pending and terminating ones also count as not ready, and parked ones as ready once they
/// are.</summary>
/// <param name="Ready">Pods that are ready.</param>
/// <param name="NotReady">Pods that are not.</param>
/// <param name="Pending">Pods that are pending.</param>
/// <param name="Terminating">Pods that are terminating.</param>
/// <param name="Parked">Pods that are parked.</param>
/// <param name="Finishing">Pods that take no more requests and still serve some; null unless the revision has max-requests-per-pod.</param>
internal readonly record struct PodCounts(int Ready, int NotReady, int Pending, int Terminating, int Parked = 0, int? Finishing = null);
