using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.ConfigMaps;

/// <summary>Registers the configuration of the process.</summary>
public static class ConfigServices
{
    /// <summary>Adds the store of the <c>config-*</c> ConfigMaps.</summary>
    public static IServiceCollection AddConfigStore(this IServiceCollection services) =>
        services.AddSingleton(static provider => new ConfigStore(
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<ClusterEnvironment>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger<ConfigStore>(),
            provider.GetRequiredService<IEventRecorder>()
        ));
}
