using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Activator.Statistics;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Observability.Requests;

namespace Serving.Activator;

/// <summary>Registers the activator.</summary>
public static class ActivatorServices
{
    /// <summary>Adds the activator. Its servers are its own: requests meet no container of services.</summary>
    /// <param name="services">Has the cluster's environment and informers.</param>
    /// <param name="options">Makes its options.</param>
    /// <param name="sink">Makes what takes its statistics.</param>
    /// <param name="requestLog">Gives what logs its requests while it is on.</param>
    public static IServiceCollection AddActivator(
        this IServiceCollection services,
        Func<IServiceProvider, ActivatorOptions> options,
        Func<IServiceProvider, IRequestStatSink> sink,
        Func<IServiceProvider, RequestLog> requestLog
    ) =>
        services.AddServingModule(provider => new ActivatorModule(
            options(provider),
            provider.GetRequiredService<ClusterEnvironment>(),
            provider.GetRequiredService<IInformers>(),
            sink(provider),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            requestLog(provider)
        ));
}
