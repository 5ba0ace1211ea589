using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Api;
using Serving.Api.Core;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Controller;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Host.Health;
using Serving.Host.Metrics;
using Serving.Kubernetes;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Composition;

/// <summary>
/// The composition root: every module that runs with what it needs, over one set of informers. Read it to see what depends on
/// what. Invariant: only what a module that runs here reads is followed, so that an identity needs no more rights than its modules.
/// </summary>
internal sealed class ControlPlane : IProcessHealth, IDisposable
{
    /// <summary>The port of the probes.</summary>
    public const int HealthPort = 8090;

    private readonly ClusterClient client;
    private readonly ClusterClient leases;
    private readonly Informers informers;
    private readonly ConfigStore config;
    private readonly EventRecorder events;
    private readonly StatForwarder forwarder;
    private readonly ModuleHost host;
    private readonly ProcessObservability observability;
    private readonly IReadOnlyList<IServingModule> modules;
    private readonly ILoggerFactory loggers;
    private readonly List<IDisposable> owned = [];
    private volatile bool stopping;

    public ControlPlane(ControlPlaneOptions options, ClusterEnvironment environment, ClusterAccess cluster, ProcessLogging logging, TimeProvider time)
    {
        loggers = logging.Factory;
        client = Own(new ClusterClient(cluster, new ClusterClientOptions { Instance = environment.PodName }, time));
        leases = Own(client.CreateLeaseClient());
        informers = new Informers(client, loggers, time);
        events = new EventRecorder("serving", loggers.CreateLogger<EventRecorder>(), time);
        config = Own(new ConfigStore(informers, environment, loggers.CreateLogger<ConfigStore>(), events));

        var guard = options.GuardsMetrics ? Own(new ScrapeGuard(client, time, loggers.CreateLogger<ScrapeGuard>())) : null;
        observability = Own(new ProcessObservability(config, logging, environment, guard, time));
        var names = options.Modules;
        var autoscaler = names.Contains("autoscaler") ? Own(new AutoscalerModule(informers, config, events, loggers, time)) : null;
        var hosting = options.Host;
        var changes = hosting.Election is null ? null : informers.For(Resources.Leases, environment.SystemNamespace);
        var owners = changes is null
            ? null
            : new AutoscalerOwners(changes.Lister, autoscaler is null ? null : informers.For(Resources.Endpoints).Lister, environment, hosting.LeaseNames, time);
        StatForwarder Forwarder(string path, StatConnectionMetrics? metrics = null) => new(
            () => options.SharesAutoscaler ? config.Current.LeaderElection.Buckets : 1,
            shard => owners?.OwnerOf(shard, options.Autoscaler.Port, path),
            time,
            loggers.CreateLogger<StatForwarder>(),
            shard => owners?.PatienceFor(shard),
            metrics);
        forwarder = Forwarder("/", names.Contains("activator") ? Own(new StatConnectionMetrics()) : null);
        var (activatorOptions, gatewayOptions) = WithTls(options, environment);
        var activator = names.Contains("activator")
            ? Own(new ActivatorModule(
                activatorOptions with { Network = () => config.Current.Network },
                environment,
                informers,
                new LeaderStatSink(autoscaler, forwarder),
                loggers,
                time,
                observability.Requests))
            : null;
        var gateway = names.Contains("gateway")
            ? Own(new GatewayModule(gatewayOptions, environment, informers, loggers, time, activator is null ? null : new LocalActivator(activator)))
            : null;
        Statistics = gateway?.Statistics ?? new GatewayStatistics();

        var registration = options.LeasesRegistration && names.Contains("webhook") ? new RegistrationModule() : null;

        // Stopped leaders first, then from the last to the first: decisions before the paths of requests, and the gateway before the activator it calls.
        IServingModule?[] all =
        [
            names.Contains("webhook") ? new WebhookModule(options.Webhook, environment, informers, config, loggers, time, registration) : null,
            registration,
            activator,
            gateway,
            autoscaler is null ? null : new StatisticsModule(options.Autoscaler, autoscaler, Forwarder(StatisticsModule.ForwardedPath), loggers),
            autoscaler,
            names.Contains("gateway-status") ? new GatewayStatusModule(options.Gateway, environment, informers, loggers, events, time, gateway) : null,
            names.Contains("controller")
                ? new ControllerModule(
                    informers,
                    new ResourceDiscovery(client),
                    config,
                    environment,
                    options.ResolveDigests ? RegistryDigests(loggers, time) : new UnresolvedDigests(),
                    events,
                    loggers,
                    time)
                : null,
        ];
        modules = [.. all.OfType<IServingModule>()];
        hosting = hosting with
        {
            Candidates = owners is null ? null : _ => owners.Ready(),
            IsCutOff = activator is null && gateway is null ? null : CutOff(informers.For(Resources.Services), environment.SystemNamespace),
        };
        host = new ModuleHost(modules, client, leases, hosting, loggers, time, changes);
        Own(new ElectionFollower(config, host, options.SharesAutoscaler));
    }

    /// <summary>The names of all modules.</summary>
    public static IReadOnlyList<string> AllModules { get; } = ["webhook", "activator", "gateway", "autoscaler", "gateway-status", "controller"];

    /// <summary>The informers that all modules share.</summary>
    public IInformers Informers => informers;

    /// <summary>What passed through the gateway of this process.</summary>
    public GatewayStatistics Statistics { get; }

    /// <inheritdoc/>
    public IReadOnlyList<HealthCheck> Readiness
    {
        get
        {
            var missing = informers.NotSynced;
            var notReady = host.NotReady;
            var remarks = host.Remarks;
            return
            [
                new("process", stopping ? "it is stopping" : null),
                new("caches", missing.Count > 0 ? $"the first list is not in: {string.Join(", ", missing.Distinct())}" : null),
                .. modules.Select(module => new HealthCheck(module.Name, notReady.GetValueOrDefault(module.Name), remarks.GetValueOrDefault(module.Name))),
            ];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<HealthCheck> Liveness
    {
        get
        {
            var caches = informers.Stuck;
            var stuck = host.Stuck;
            return
            [
                new("caches", caches.Count > 0 ? string.Join("; ", caches) : null),
                .. modules.Select(module => new HealthCheck(module.Name, stuck.GetValueOrDefault(module.Name))),
            ];
        }
    }

    /// <summary>Runs until cancelled; returns when every module has drained.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await using var told = cancellation.Register(() => stopping = true);

        // Caches and events outlive the modules: a module that drains still reads and reports.
        using var support = new CancellationTokenSource();
        var caches = informers.RunAsync(support.Token);
        var recorder = events.RunAsync(client, support.Token);
        var forwarding = forwarder.RunAsync(support.Token);
        var telemetry = observability.RunAsync(support.Token);
        try
        {
            await config.WaitForSyncAsync(cancellation);
            await host.RunAsync(cancellation);
        }
        finally
        {
            await support.CancelAsync();
            await Task.WhenAll(caches, recorder, forwarding, telemetry).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        foreach (var part in Enumerable.Reverse(owned))
        {
            part.Dispose();
        }
    }

    private (ActivatorOptions Activator, GatewayOptions Gateway) WithTls(ControlPlaneOptions options, ClusterEnvironment environment)
    {
        if (!options.Modules.Any(static name => name is "activator" or "gateway"))
        {
            return (options.Activator, options.Gateway);
        }

        var certificates = Own(new SystemCertificates(informers, environment.SystemNamespace, loggers.CreateLogger<SystemCertificates>()));
        var tls = new SystemTls(certificates, config);
        return (options.Activator with { Certificates = certificates.Find, PodTls = tls.ToPods }, options.Gateway with { RevisionTls = tls.ToRevisions });
    }

    private RegistryDigests RegistryDigests(ILoggerFactory loggers, TimeProvider time)
    {
        var http = Own(new HttpClient(RegistryHandler(loggers)));
        var identities = RegistryIdentities.All(http, new CloudEndpoints(), time);
        return new RegistryDigests(client, http, new LocalDockerConfig(), identities, loggers.CreateLogger<RegistryDigests>(), time);
    }

    private static SocketsHttpHandler RegistryHandler(ILoggerFactory loggers)
    {
        try
        {
            return RegistryTrust.CreateHandler(logger: loggers.CreateLogger(typeof(RegistryTrust)));
        }
        catch (FormatException wrong)
        {
            // A variable of the environment that cannot be kept is for whoever set it to mend.
            throw new UserErrorException(wrong.Message, wrong);
        }
    }

    /// <summary>No Service of our namespace selects pods any more: the install was deleted, and who would have to learn that this pod leaves is gone.</summary>
    internal static Func<bool> CutOff(IInformer<CoreService> services, string ns)
        => () => services.HasSynced && !services.Lister.List(ns).Any(static service => service.Spec?.Selector.Count > 0);

    private T Own<T>(T part)
        where T : IDisposable
    {
        owned.Add(part);
        return part;
    }
}
