using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway;

/// <summary>Registers the built-in ingress.</summary>
public static class GatewayServices
{
    /// <summary>Adds the gateway. Its servers are its own: requests meet no container of services.</summary>
    /// <param name="services">Has the cluster's environment, informers and configuration.</param>
    /// <param name="options">Makes its options.</param>
    /// <param name="activator">Gives the activator of this process; null when it has none.</param>
    /// <param name="accessLog">Gives what logs its requests while it is on.</param>
    public static IServiceCollection AddGateway(
        this IServiceCollection services,
        Func<IServiceProvider, GatewayOptions> options,
        Func<IServiceProvider, ILocalActivator?> activator,
        Func<IServiceProvider, RequestLog> accessLog
    ) =>
        services.AddServingModule(provider => new GatewayModule(
            options(provider) with
            {
                Listeners = new GatewayListeners(provider.GetRequiredService<ConfigStore>()),
            },
            provider.GetRequiredService<ClusterEnvironment>(),
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            activator(provider),
            accessLog(provider)
        ));

    /// <summary>Adds what writes the status of Ingresses. It asks the gateway of its own process directly, where there is one.</summary>
    /// <param name="services">Has the cluster's environment, informers, configuration and the recorder of events.</param>
    /// <param name="options">The same that the gateways have.</param>
    public static IServiceCollection AddGatewayStatus(this IServiceCollection services, GatewayOptions options) =>
        services.AddServingModule(provider => new GatewayStatusModule(
            options with
            {
                Listeners = new GatewayListeners(provider.GetRequiredService<ConfigStore>()),
            },
            provider.GetRequiredService<ClusterEnvironment>(),
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<IEventRecorder>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetService<GatewayModule>()
        ));
}
