using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Statistics;
using Serving.ConfigMaps;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler;

/// <summary>Registers the autoscaler.</summary>
public static class AutoscalerServices
{
    /// <summary>Adds the autoscaler, and the port at which other processes report stats to it.</summary>
    /// <param name="services">Contains informers, configuration and the recorder of events.</param>
    /// <param name="options">The address that receives stats.</param>
    /// <param name="forwarder">Creates the forwarder of stats for shards that another process leads.</param>
    /// <param name="keepsHistory">Whether the decisions of the last ten minutes are kept for display.</param>
    public static IServiceCollection AddAutoscaler(
        this IServiceCollection services,
        AutoscalerOptions options,
        Func<IServiceProvider, StatForwarder> forwarder,
        bool keepsHistory = false
    )
    {
        services.AddServingModule(provider => new StatisticsModule(
            options,
            provider.GetRequiredService<AutoscalerModule>(),
            forwarder(provider),
            provider.GetRequiredService<ILoggerFactory>()
        ));
        services.AddPort(static provider => provider.GetRequiredService<StatisticsModule>().Port);
        return services.AddServingModule(provider => new AutoscalerModule(
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<ConfigStore>(),
            provider.GetRequiredService<IEventRecorder>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            keepsHistory,
            provider.GetRequiredService<IResourceDiscovery>()
        ));
    }
}
