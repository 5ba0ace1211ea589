using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;

namespace Serving.Kubernetes.Hosting;

/// <summary>Registers modules and the services they share.</summary>
public static class HostingServices
{
    /// <summary>Adds a module as a service of the host. The last one registered is the first to stop.</summary>
    public static IServiceCollection AddServingModule<TModule>(this IServiceCollection services, Func<IServiceProvider, TModule> make)
        where TModule : class, IServingModule =>
        services
            .AddSingleton(make)
            .AddSingleton<IServingModule>(static provider => provider.GetRequiredService<TModule>())
            .AddSingleton<IHostedService>(static provider => new ModuleService(
                provider.GetRequiredService<TModule>(),
                provider.GetRequiredService<StartGate>()
            ));

    /// <summary>Adds a part that runs beside the modules and outlives them.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The name, as the start of a sentence.</param>
    /// <param name="work">Returns the work, which runs until cancelled.</param>
    public static IServiceCollection AddBackgroundPart(
        this IServiceCollection services,
        string name,
        Func<IServiceProvider, Func<CancellationToken, Task>> work
    ) =>
        services.AddSingleton<IHostedService>(provider => new BackgroundPart(
            name,
            work(provider),
            provider.GetRequiredService<StartGate>()
        ));

    /// <summary>Adds a port of the application.</summary>
    public static IServiceCollection AddPort(this IServiceCollection services, Func<IServiceProvider, ServingPort> make) =>
        services.AddSingleton(make);

    /// <summary>Adds the caches that all modules share, over the registered <see cref="IKubernetesClient"/>.</summary>
    public static IServiceCollection AddInformers(this IServiceCollection services) =>
        services
            .AddSingleton(static provider => new SharedInformers(
                provider.GetRequiredService<IKubernetesClient>(),
                provider.GetRequiredService<ILoggerFactory>(),
                provider.GetRequiredService<TimeProvider>(),
                writesPods: false
            ))
            .AddSingleton<IInformers>(static provider => provider.GetRequiredService<SharedInformers>())
            .AddBackgroundPart("The informers", static provider => provider.GetRequiredService<SharedInformers>().RunAsync);

    /// <summary>Adds the recorder of events.</summary>
    /// <param name="services">The services.</param>
    /// <param name="component">The reporting component.</param>
    public static IServiceCollection AddEvents(this IServiceCollection services, string component) =>
        services
            .AddSingleton(provider => new EventRecorder(
                component,
                provider.GetRequiredService<ILoggerFactory>().CreateLogger<EventRecorder>(),
                provider.GetRequiredService<TimeProvider>()
            ))
            .AddSingleton<IEventRecorder>(static provider => provider.GetRequiredService<EventRecorder>())
            .AddBackgroundPart(
                "The recorder of events",
                static provider =>
                {
                    var recorder = provider.GetRequiredService<EventRecorder>();
                    var client = provider.GetRequiredService<IKubernetesClient>();
                    return cancellation => recorder.RunAsync(client, cancellation);
                }
            );
}
