namespace Serving.Autoscaler;

/// <summary>Pods of a revision by state; pending and terminating ones are not ready either.</summary>
internal readonly record struct PodCounts(int Ready, int NotReady, int Pending, int Terminating);
