namespace Serving.Autoscaler;

/// <summary>The pods of a revision by state; pending and terminating ones also count as not ready.</summary>
internal readonly record struct PodCounts(int Ready, int NotReady, int Pending, int Terminating);
