using Serving.ConfigMaps;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Queue;

namespace Serving.StatusPages.Sources;

/// <summary>Everything that the pages read. Invariant: reading any of it makes no request to the API server and takes no lock of a data
/// path.</summary>
/// <param name="Caches">The informers that the process has.</param>
/// <param name="Configuration">The ConfigMaps in force.</param>
/// <param name="Queues">The work queues.</param>
/// <param name="Process">The process.</param>
/// <param name="Scaling">The autoscaler; null when the process does not run it.</param>
/// <param name="Routes">The gateway.</param>
/// <param name="Settings">The settings of the process.</param>
public sealed record StatusSources(
    IInformerCaches Caches,
    Func<IReadOnlyList<ConfigMapState>> Configuration,
    Func<IReadOnlyList<WorkQueueState>> Queues,
    IProcessSource Process,
    IScalingSource? Scaling,
    IRouteSource Routes,
    IReadOnlyList<ProcessSetting> Settings
);
