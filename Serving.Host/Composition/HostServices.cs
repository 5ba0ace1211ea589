using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Api;
using Serving.Api.Core;
using Serving.Autoscaler.Statistics;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Host.Health;
using Serving.Host.Metrics;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway;

namespace Serving.Host.Composition;

/// <summary>Registers what modules share in this process, and the connections between them.</summary>
internal static class HostServices
{
    /// <summary>The key of the client that renews Leases, on connections of its own.</summary>
    private const string Leases = "leases";

    /// <summary>The key of the client for image registries.</summary>
    private const string Registries = "registries";

    /// <summary>Adds the API clients: one for all requests and watches, and one for Leases.</summary>
    public static IServiceCollection AddClients(this IServiceCollection services, ClusterAccess cluster) =>
        services
            .AddSingleton(provider => new ClusterClient(
                cluster,
                new ClusterClientOptions { Instance = provider.GetRequiredService<ClusterEnvironment>().PodName },
                provider.GetRequiredService<TimeProvider>()
            ))
            .AddSingleton<IKubernetesClient>(static provider => provider.GetRequiredService<ClusterClient>())
            .AddKeyedSingleton<IKubernetesClient>(
                Leases,
                static (provider, _) => provider.GetRequiredService<ClusterClient>().CreateLeaseClient()
            )
            .AddSingleton<IResourceDiscovery>(static provider => new ResourceDiscovery(provider.GetRequiredService<ClusterClient>()));

    /// <summary>Adds logging, metrics and traces as configured.</summary>
    /// <param name="services">Contains client, configuration and environment.</param>
    /// <param name="logging">The log whose levels follow the configuration.</param>
    /// <param name="guardsMetrics">Whether metrics require authorization by the cluster.</param>
    public static IServiceCollection AddObservability(this IServiceCollection services, ProcessLogging logging, bool guardsMetrics)
    {
        if (guardsMetrics)
        {
            services.AddSingleton(static provider => new ScrapeGuard(
                provider.GetRequiredService<IKubernetesClient>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.LoggerOf<ScrapeGuard>()
            ));
        }

        return services
            .AddSingleton(static provider => new MetricsEndpoint(
                provider.GetService<ScrapeGuard>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.LoggerOf<MetricsEndpoint>()
            ))
            .AddPort(static provider => provider.GetRequiredService<MetricsEndpoint>().Port)
            .AddSingleton(provider => new ProcessObservability(
                provider.GetRequiredService<ConfigStore>(),
                logging,
                provider.GetRequiredService<ClusterEnvironment>(),
                provider.GetRequiredService<MetricsEndpoint>(),
                provider.GetRequiredService<PortListeners>(),
                provider.GetRequiredService<TimeProvider>()
            ))
            .AddBackgroundPart(
                "The export of metrics and traces",
                static provider => provider.GetRequiredService<ProcessObservability>().RunAsync
            );
    }

    /// <summary>Adds the lookup of the replica that leads each shard of the autoscaler. Without Leases this process leads all
    /// shards.</summary>
    /// <param name="services">Contains informers and environment.</param>
    /// <param name="election">The Leases.</param>
    /// <param name="isCandidate">Whether an autoscaler runs here and shares its work with the ready replicas.</param>
    public static IServiceCollection AddAutoscalerOwners(this IServiceCollection services, Election election, bool isCandidate) =>
        !election.IsHeld
            ? services
            : services.AddSingleton(provider =>
            {
                var informers = provider.GetRequiredService<IInformers>();
                return new AutoscalerOwners(
                    provider.LeaseInformer().Lister,
                    isCandidate ? informers.For(Resources.Endpoints).Lister : null,
                    provider.GetRequiredService<ClusterEnvironment>(),
                    election.LeaseNames,
                    provider.GetRequiredService<TimeProvider>()
                );
            });

    /// <summary>Creates the forwarder of statistics to the replicas that lead.</summary>
    /// <param name="provider">Contains the owners.</param>
    /// <param name="options">The autoscaler's port.</param>
    /// <param name="path">The path that receives statistics.</param>
    public static StatForwarder ForwarderTo(this IServiceProvider provider, ControlPlaneOptions options, string path)
    {
        var owners = provider.GetService<AutoscalerOwners>();
        var config = provider.GetRequiredService<ConfigStore>();
        return new StatForwarder(
            () => options.SharesAutoscaler ? config.Current.LeaderElection.Buckets : 1,
            shard => owners?.OwnerOf(shard, options.Autoscaler.Port, path),
            provider.GetRequiredService<TimeProvider>(),
            provider.LoggerOf<StatForwarder>(),
            shard => owners?.TimeoutFor(shard),
            path == StatisticsModule.ForwardedPath ? null : provider.GetService<StatConnectionMetrics>()
        );
    }

    /// <summary>Adds the forwarder of the activator's statistics to the replicas that lead.</summary>
    public static IServiceCollection AddStatForwarder(this IServiceCollection services, ControlPlaneOptions options) =>
        services
            .AddSingleton(static _ => new StatConnectionMetrics())
            .AddSingleton(provider => provider.ForwarderTo(options, "/"))
            .AddBackgroundPart("The forwarder of statistics", static provider => provider.GetRequiredService<StatForwarder>().RunAsync);

    /// <summary>Adds the verification of pods and activators when system-internal-tls encrypts their traffic.</summary>
    public static IServiceCollection AddSystemTls(this IServiceCollection services) =>
        services
            .AddSingleton(static provider => new SystemCertificates(
                provider.GetRequiredService<IInformers>(),
                provider.GetRequiredService<ClusterEnvironment>().SystemNamespace,
                provider.LoggerOf<SystemCertificates>()
            ))
            .AddSingleton(static provider => new SystemTls(
                provider.GetRequiredService<SystemCertificates>(),
                provider.GetRequiredService<ConfigStore>()
            ));

    /// <summary>The activator's options, with the system's certificates and the current config-network.</summary>
    public static ActivatorOptions WithTls(this IServiceProvider provider, ActivatorOptions options)
    {
        var (certificates, config) = (provider.GetRequiredService<SystemCertificates>(), provider.GetRequiredService<ConfigStore>());
        return options with
        {
            Certificates = certificates.Find,
            PodTls = provider.GetRequiredService<SystemTls>().ToPods,
            Network = () => config.Current.Network,
            Tracing = provider.GetRequiredService<ProcessObservability>().Tracing,
        };
    }

    /// <summary>The gateway's options, with the verification of a revision's backends.</summary>
    public static GatewayOptions WithTls(this IServiceProvider provider, GatewayOptions options) =>
        options with
        {
            RevisionTls = provider.GetRequiredService<SystemTls>().ToRevisions,
            Tracing = provider.GetRequiredService<ProcessObservability>().Tracing,
        };

    /// <summary>Adds the resolution of image tags at their registry; not where images are mere names.</summary>
    public static IServiceCollection AddDigests(this IServiceCollection services, bool areResolved) =>
        !areResolved
            ? services.AddSingleton<IDigestResolver>(static _ => new UnresolvedDigests())
            : services
                .AddKeyedSingleton(
                    Registries,
                    static (provider, _) => new HttpClient(RegistryHandler(provider.GetRequiredService<ILoggerFactory>()))
                )
                .AddSingleton<IDigestResolver>(static provider =>
                {
                    var (client, time) = (provider.GetRequiredService<IKubernetesClient>(), provider.GetRequiredService<TimeProvider>());
                    var http = provider.GetRequiredKeyedService<HttpClient>(Registries);
                    var identities = RegistryIdentities.All(http, new CloudEndpoints(), time);
                    return new RegistryDigests(
                        client,
                        http,
                        new LocalDockerConfig(),
                        identities,
                        provider.LoggerOf<RegistryDigests>(),
                        time
                    );
                });

    /// <summary>Adds the host that starts and drains the modules. Registered last, so it stops first.</summary>
    /// <param name="services">Contains every module.</param>
    /// <param name="options">How they are hosted.</param>
    /// <param name="election">The Leases.</param>
    public static IServiceCollection AddModuleHost(this IServiceCollection services, ControlPlaneOptions options, Election election)
    {
        services
            .AddSingleton<ProcessHealth>()
            .AddSingleton<IProcessHealth>(static provider => provider.GetRequiredService<ProcessHealth>());
        services.AddSingleton<IHostedService, ModuleDrain>();
        return services.AddSingleton<IHostedService>(provider => new ProcessStart(
            provider.GetRequiredService<StartGate>(),
            provider.GetRequiredService<ProcessHealth>(),
            election,
            provider.GetRequiredService<ConfigStore>(),
            provider.ModuleHostOf(options, election),
            options.SharesAutoscaler
        ));
    }

    /// <summary>A factory for the module host, called once the settings are read. Its dependencies are resolved now, so that their caches
    /// exist when it runs.</summary>
    private static Func<ModuleHost> ModuleHostOf(this IServiceProvider provider, ControlPlaneOptions options, Election election)
    {
        var owners = provider.GetService<AutoscalerOwners>();
        var changes = election.IsHeld ? provider.LeaseInformer() : null;
        var hosting = options.Host with
        {
            Candidates = owners is null ? null : _ => owners.Ready(),
            IsCutOff =
                provider.GetService<ActivatorModule>() is null && provider.GetService<GatewayModule>() is null
                    ? null
                    : CutOff(
                        provider.GetRequiredService<IInformers>().For(Resources.Services),
                        provider.GetRequiredService<ClusterEnvironment>().SystemNamespace
                    ),
        };
        return () =>
            new ModuleHost(
                [.. provider.GetServices<IServingModule>()],
                provider.GetRequiredService<IKubernetesClient>(),
                provider.GetRequiredKeyedService<IKubernetesClient>(Leases),
                election.ApplyTo(hosting),
                provider.GetRequiredService<ILoggerFactory>(),
                provider.GetRequiredService<TimeProvider>(),
                changes
            );
    }

    /// <summary>True when no Service of our namespace selects pods any more: the install was deleted, so no load balancer has to learn that
    /// this pod is leaving.</summary>
    internal static Func<bool> CutOff(IInformer<CoreService> services, string ns) =>
        () => services.HasSynced && !services.Lister.List(ns).Any(static service => service.Spec?.Selector.Count > 0);

    private static SocketsHttpHandler RegistryHandler(ILoggerFactory loggers)
    {
        try
        {
            return RegistryTrust.CreateHandler(logger: loggers.CreateLogger(typeof(RegistryTrust)));
        }
        catch (FormatException wrong)
        {
            // The user has to correct an invalid environment variable.
            throw new UserErrorException(wrong.Message, wrong);
        }
    }

    private static IInformer<Lease> LeaseInformer(this IServiceProvider provider) =>
        provider.GetRequiredService<IInformers>().For(Resources.Leases, provider.GetRequiredService<ClusterEnvironment>().SystemNamespace);

    private static ILogger<T> LoggerOf<T>(this IServiceProvider provider) =>
        provider.GetRequiredService<ILoggerFactory>().CreateLogger<T>();
}
