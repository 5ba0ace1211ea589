using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.ConfigMaps;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Layers;

/// <summary>What a network layer gets from the process.</summary>
/// <param name="Informers">The caches; those of a layer's own kinds are requested only when it works.</param>
/// <param name="Discovery">Which kinds the cluster has.</param>
/// <param name="Config">The configuration.</param>
/// <param name="Environment">The cluster's domain and the system namespace.</param>
/// <param name="Probe">Sends probes to the pods of the data plane.</param>
/// <param name="Events">Records events.</param>
/// <param name="Loggers">Creates loggers.</param>
/// <param name="Time">The clock.</param>
public sealed record LayerContext(
    IInformers Informers,
    IResourceDiscovery Discovery,
    ConfigStore Config,
    ClusterEnvironment Environment,
    IIngressProbe Probe,
    IEventRecorder Events,
    ILoggerFactory Loggers,
    TimeProvider Time
)
{
    /// <summary>The context from the services of the process.</summary>
    public static LayerContext Of(IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        return new LayerContext(
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<IResourceDiscovery>(),
            provider.GetRequiredService<ConfigStore>(),
            provider.GetRequiredService<ClusterEnvironment>(),
            new HttpIngressProbe(time),
            provider.GetRequiredService<IEventRecorder>(),
            provider.GetRequiredService<ILoggerFactory>(),
            time
        );
    }
}
