using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.ConfigMaps;
using Serving.Controller.Revisions.Digests;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Controller;

/// <summary>Registers the reconcilers of the serving kinds.</summary>
public static class ControllerServices
{
    /// <summary>Adds the controller.</summary>
    /// <param name="services">Contains the cluster's environment, discovery, informers, configuration and the recorder of events.</param>
    /// <param name="digests">Creates the resolver of image digests.</param>
    public static IServiceCollection AddController(this IServiceCollection services, Func<IServiceProvider, IDigestResolver> digests) =>
        services.AddServingModule(provider => new ControllerModule(
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<IResourceDiscovery>(),
            provider.GetRequiredService<ConfigStore>(),
            provider.GetRequiredService<ClusterEnvironment>(),
            digests(provider),
            provider.GetRequiredService<IEventRecorder>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>()
        ));
}
