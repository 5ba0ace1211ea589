namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>The resource usage of a pod, as a metrics server would report it.</summary>
/// <param name="Cores">CPU usage over the last few seconds, in cores.</param>
/// <param name="Bytes">Resident memory.</param>
internal readonly record struct PodUsage(decimal Cores, decimal Bytes);
