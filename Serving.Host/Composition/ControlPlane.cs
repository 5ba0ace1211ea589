using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.ConfigMaps;
using Serving.Controller;
using Serving.Controller.Revisions.Digests;
using Serving.Host.Health;
using Serving.Host.Memory;
using Serving.Host.StatusPages;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway;
using Serving.Networking.GatewayApi;
using Serving.Networking.Istio;
using Serving.Webhook;

namespace Serving.Host.Composition;

/// <summary>
/// The control plane as one ASP.NET Core application: the selected modules and their dependencies over one set of informers. Read
/// <see cref="Compose"/> to see what depends on what. Invariant: only kinds that a selected module reads are watched, so an identity needs
/// no more rights than its modules do.
/// </summary>
internal sealed class ControlPlane : IAsyncDisposable
{
    /// <summary>The port of the probes.</summary>
    public const int HealthPort = 8090;

    private readonly WebApplication _application;
    private readonly StartGate _gate;

    private ControlPlane(WebApplication application)
    {
        _application = application;
        _gate = Services.GetRequiredService<StartGate>();
        Health = Services.GetRequiredService<ProcessHealth>();
        Statistics = Services.GetService<GatewayModule>()?.Statistics ?? new GatewayStatistics();
    }

    /// <summary>The names of all modules.</summary>
    public static IReadOnlyList<string> AllModules { get; } =
    ["webhook", "activator", "gateway", "autoscaler", "gateway-status", "istio", "gateway-api", "controller"];

    /// <summary>The informers that all modules share.</summary>
    public IInformers Informers => Services.GetRequiredService<IInformers>();

    /// <summary>The request statistics of this process's gateway.</summary>
    public GatewayStatistics Statistics { get; }

    /// <summary>The health that the probes report.</summary>
    public ProcessHealth Health { get; }

    /// <summary>The application's services.</summary>
    internal IServiceProvider Services => _application.Services;

    /// <summary>Creates the application without starting it. Throws <see cref="UserErrorException"/> for errors that the user can
    /// fix.</summary>
    /// <param name="options">Which modules run, and where they listen.</param>
    /// <param name="environment">The process's pod and namespace.</param>
    /// <param name="cluster">The API server.</param>
    /// <param name="logging">The log of the process.</param>
    /// <param name="time">The clock.</param>
    public static ControlPlane Create(
        ControlPlaneOptions options,
        ClusterEnvironment environment,
        ClusterAccess cluster,
        ProcessLogging logging,
        TimeProvider time
    )
    {
        var builder = ServingApplication.CreateBuilder(logging.Factory, options.GracePeriod);
        builder.Services.AddSingleton(environment).AddSingleton(time).AddHostedService<IdleCollection>();
        Compose(builder.Services, options, cluster, logging);
        return new ControlPlane(builder.BuildWithPorts());
    }

    /// <summary>
    /// The composition root. Services start in order of registration and stop in reverse order: control plane before request path, the
    /// gateway stops before the activator it calls, and leaders stop before all of them.
    /// </summary>
    private static void Compose(IServiceCollection services, ControlPlaneOptions options, ClusterAccess cluster, ProcessLogging logging)
    {
        bool Runs(string module) => options.Modules.Contains(module);
        var election = new Election(options.Election);

        // Shared by all modules: API clients, informers, configuration, events, metrics and probes.
        services.AddSingleton<StartGate>();
        services.AddClients(cluster).AddInformers().AddEvents("serving").AddConfigStore();
        services.AddObservability(logging, options.GuardsMetrics);
        services.AddProbes(options.Health, options.StatusPages);
        services.AddAutoscalerOwners(election, isCandidate: Runs("autoscaler"));

        if (Runs("webhook"))
        {
            services.AddWebhook(options.Webhook, options.LeasesRegistration);
        }

        if (Runs("activator") || Runs("gateway"))
        {
            services.AddSystemTls();
        }

        if (Runs("activator"))
        {
            services.AddStatForwarder(options);
            services.AddActivator(
                provider => provider.WithTls(options.Activator),
                sink: provider => new LeaderStatSink(provider.GetService<AutoscalerModule>(), provider.GetRequiredService<StatForwarder>()),
                requestLog: provider => provider.GetRequiredService<ProcessObservability>().Requests
            );
        }

        if (Runs("gateway"))
        {
            services.AddGateway(
                provider => provider.WithTls(options.Gateway),
                activator: provider => provider.GetService<ActivatorModule>() is { } activator ? new LocalActivator(activator) : null,
                accessLog: provider => provider.GetRequiredService<ProcessObservability>().GatewayRequests
            );
        }

        if (Runs("autoscaler"))
        {
            services.AddAutoscaler(
                options.Autoscaler,
                forwarder: provider => provider.ForwarderTo(options, StatisticsModule.ForwardedPath),
                keepsHistory: options.StatusPages
            );
        }

        if (Runs("gateway-status"))
        {
            services.AddGatewayStatus(options.Gateway);
        }

        if (Runs("istio"))
        {
            services.AddIstio();
        }

        if (Runs("gateway-api"))
        {
            services.AddGatewayApi();
        }

        if (Runs("controller"))
        {
            services.AddDigests(options.ResolveDigests);
            services.AddController(digests: provider => provider.GetRequiredService<IDigestResolver>());
            services.AddHostedService<SidecarCertificates>();
        }

        if (options.StatusPages)
        {
            services.AddStatusPages(election, options.Settings);
        }

        services.AddModuleHost(options, election);
    }

    /// <summary>
    /// Runs until cancelled; returns when every module has drained. Throws for failures that retrying cannot fix: a port in use
    /// (<see cref="UserErrorException"/>), or a request that the API server rejects during the start.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await _application.StartAsync(CancellationToken.None);
            await _gate.Opened.WaitAsync(cancellation);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        }
        catch (IOException taken)
        {
            throw new UserErrorException($"the process cannot listen: {taken.Message}", taken);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Shutdown.
        }
        finally
        {
            Health.Stop();
            await _application.StopAsync(CancellationToken.None);
        }
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
