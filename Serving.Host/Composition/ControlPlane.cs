using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Api;
using Serving.Api.Config;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.ConfigMaps;
using Serving.Controller;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Kubernetes;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Composition;

/// <summary>
/// The composition root: every module with what it needs, over one set of informers. Read it to see what depends on what.
/// </summary>
internal sealed class ControlPlane : IDisposable
{
    private readonly KubernetesClient client;
    private readonly KubernetesClient leases;
    private readonly Informers informers;
    private readonly ConfigStore config;
    private readonly EventRecorder events;
    private readonly StatForwarder forwarder;
    private readonly ModuleHost host;
    private readonly ProcessObservability observability;
    private readonly List<IDisposable> owned = [];

    public ControlPlane(ControlPlaneOptions options, ClusterEnvironment environment, KubernetesConfiguration cluster, ProcessLogging logging, TimeProvider time)
    {
        var loggers = logging.Factory;
        client = Own(new KubernetesClient(cluster, time: time));
        leases = Own(client.CreateLeaseClient());
        informers = new Informers(client, loggers, time);
        events = new EventRecorder("serving", loggers.CreateLogger<EventRecorder>(), time);
        config = Own(new ConfigStore(informers, environment, loggers.CreateLogger<ConfigStore>(), events));

        observability = Own(new ProcessObservability(config, logging, environment, time));
        var autoscaler = Own(new AutoscalerModule(options.Autoscaler, informers, config, loggers, time));
        forwarder = new StatForwarder(
            options.Host.Election is null ? static () => null : LeaderStatSink.OwnerIn(informers, environment, options.Host.LeaseNames(autoscaler)[0], options.Autoscaler.Port),
            time,
            loggers.CreateLogger<StatForwarder>());
        var activator = Own(new ActivatorModule(options.Activator, environment, informers, new LeaderStatSink(autoscaler, forwarder), loggers, time));
        var gateway = Own(new GatewayModule(options.Gateway, environment, informers, loggers, time, new LocalActivator(activator)));
        Statistics = gateway.Statistics;

        // Stopped from the last to the first: decisions before the paths of requests, and the gateway before the activator it calls.
        IServingModule[] all =
        [
            new WebhookModule(options.Webhook, environment, informers, config, loggers, time),
            activator,
            gateway,
            autoscaler,
            new GatewayStatusModule(options.Gateway, environment, informers, loggers, time, gateway),
            new ControllerModule(informers, config, environment, options.ResolveDigests ? RegistryDigests(loggers, time) : new UnresolvedDigests(), events, loggers, time),
        ];
        var changes = options.Host.Election is null ? null : informers.For(Resources.Leases, environment.SystemNamespace);
        host = new ModuleHost([.. all.Where(module => options.Modules.Contains(module.Name))], client, leases, options.Host, loggers, time, changes);
        config.Changed += OnConfigChanged;
    }

    /// <summary>The names of all modules.</summary>
    public static IReadOnlyList<string> AllModules { get; } = ["webhook", "activator", "gateway", "autoscaler", "gateway-status", "controller"];

    /// <summary>The informers that all modules share.</summary>
    public IInformers Informers => informers;

    /// <summary>What passed through the gateway of this process.</summary>
    public GatewayStatistics Statistics { get; }

    /// <summary>Why which part is not ready; empty when the process may get traffic.</summary>
    public IReadOnlyDictionary<string, string> NotReady => host.NotReady;

    /// <summary>Runs until cancelled; returns when every module has drained.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
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
        config.Changed -= OnConfigChanged;
        foreach (var part in Enumerable.Reverse(owned))
        {
            part.Dispose();
        }
    }

    private void OnConfigChanged(ConfigSnapshot old, ConfigSnapshot current)
    {
        if (old.LeaderElection is var before && current.LeaderElection is var now
            && (before.LeaseDuration, before.RenewDeadline, before.RetryPeriod) != (now.LeaseDuration, now.RenewDeadline, now.RetryPeriod))
        {
            host.ChangeElectionTimes(now.LeaseDuration, now.RenewDeadline, now.RetryPeriod);
        }
    }

    private RegistryDigests RegistryDigests(ILoggerFactory loggers, TimeProvider time)
    {
        var http = Own(new HttpClient(RegistryTrust.CreateHandler()));
        var identities = RegistryIdentities.All(http, new CloudEndpoints(), time);
        return new RegistryDigests(client, http, identities, loggers.CreateLogger<RegistryDigests>(), time);
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        owned.Add(part);
        return part;
    }
}
