using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Autoscaler;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Host.Health;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Queue;
using Serving.Networking.Gateway;
using Serving.StatusPages.Http;
using Serving.StatusPages.Sources;

namespace Serving.Host.StatusPages;

/// <summary>Registers the status pages and what they read of the modules.</summary>
internal static class StatusPageServices
{
    /// <summary>Adds the pages; the port of the probes serves them.</summary>
    /// <param name="services">Contains every module that the pages are about.</param>
    /// <param name="election">The Leases.</param>
    /// <param name="settings">The settings of the process.</param>
    public static IServiceCollection AddStatusPages(
        this IServiceCollection services,
        Election election,
        IReadOnlyList<ProcessSetting> settings
    ) =>
        services.AddSingleton(provider =>
        {
            var time = provider.GetRequiredService<TimeProvider>();
            var environment = provider.GetRequiredService<ClusterEnvironment>();
            IInformerCaches caches = provider.GetRequiredService<SharedInformers>();
            string? Holder(string lease) =>
                caches.Find(Resources.Leases, environment.SystemNamespace)?.Get(environment.SystemNamespace, lease)?.Spec?.HolderIdentity;

            return new StatusEndpoints(
                new StatusSources(
                    caches,
                    provider.GetRequiredService<ConfigStore>().States,
                    static () => WorkQueueMetrics.States,
                    new ProcessSource(provider.GetRequiredService<ProcessHealth>(), environment, election, time.GetUtcNow()),
                    provider.GetService<AutoscalerModule>() is { } autoscaler ? new ScalingSource(autoscaler, election, Holder) : null,
                    new RouteSource(provider.GetService<GatewayModule>()),
                    settings
                ),
                provider.GetRequiredService<ILoggerFactory>(),
                time
            );
        });
}
