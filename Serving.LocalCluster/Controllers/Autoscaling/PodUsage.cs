namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>What a pod uses, as a metrics server would report it.</summary>
/// <param name="Cores">CPU over the last few seconds.</param>
/// <param name="Bytes">Resident memory.</param>
internal readonly record struct PodUsage(decimal Cores, decimal Bytes);
