using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.ConfigMaps;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Webhook;

/// <summary>Registers admission.</summary>
public static class WebhookServices
{
    /// <summary>Adds the webhook and its port.</summary>
    /// <param name="services">Has the cluster's environment, informers and configuration.</param>
    /// <param name="options">Where to listen and which objects to use.</param>
    /// <param name="leasesRegistration">Whether certificate and configurations are only written under Leases, because another
    /// implementation writes them too.</param>
    public static IServiceCollection AddWebhook(this IServiceCollection services, WebhookOptions options, bool leasesRegistration = false)
    {
        services.AddServingModule(provider => new WebhookModule(
            options,
            provider.GetRequiredService<ClusterEnvironment>(),
            provider.GetRequiredService<IInformers>(),
            provider.GetRequiredService<ConfigStore>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetService<RegistrationModule>()
        ));
        services.AddPort(static provider => provider.GetRequiredService<WebhookModule>().Port);
        return leasesRegistration ? services.AddServingModule(static _ => new RegistrationModule()) : services;
    }
}
