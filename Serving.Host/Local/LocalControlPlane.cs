using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Health;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.LocalCluster.Node;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Local;

/// <summary>
/// The modules on the local cluster: installs them, stands for them as a pod, and waits until they are ready. They act as the service account
/// of the install; only installing and standing for them is done as the cluster's administrator.
/// </summary>
internal sealed class LocalControlPlane : IAsyncDisposable
{
    private const string SystemNamespace = "knative-serving";
    private const string Account = "controller";

    /// <summary>Which address of the subnet the host has.</summary>
    public const int HostNumber = 2;

    private const int GatewayInternalPort = 8082;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LeaveTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private const int Attempts = 20;

    private readonly KubernetesClient client;
    private readonly ClusterEnvironment environment;
    private readonly ServiceAccountCredential identity;
    private readonly ControlPlane modules;
    private readonly HostPod pod;
    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly TimeProvider time;

    private LocalControlPlane(
        LocalOptions local, ClusterEnvironment environment, KubernetesClient client, KubernetesConfiguration configuration, ServiceAccountCredential identity, ElectionSettings? election,
        ProcessLogging logging, TimeProvider time)
    {
        this.identity = identity;
        this.time = time;
        loggers = logging.Factory;
        logger = loggers.CreateLogger<LocalControlPlane>();
        this.client = client;
        this.environment = environment;
        var address = environment.PodIP;
        var host = new ModuleHostOptions { StopTimeout = TimeSpan.FromSeconds(8) };
        var options = new ControlPlaneOptions(
            ControlPlane.AllModules,
            new GatewayOptions(new IPEndPoint(IPAddress.Loopback, local.GatewayPort), new IPEndPoint(address, GatewayInternalPort)) { DrainTimeout = TimeSpan.FromSeconds(5) },
            new WebhookOptions(address),
            new ActivatorOptions(address) { DrainDelay = election is null ? TimeSpan.Zero : LeaveTime, DrainTimeout = TimeSpan.FromSeconds(5) },
            new AutoscalerOptions(address),
            ResolveDigests: false,
            election?.ApplyTo(host) ?? host,
            election is { SharesAutoscaler: true });
        modules = new ControlPlane(options, environment, configuration, logging, time);
        pod = new HostPod(client, environment, ControlPlane.AllModules, LocalDirectory.LogOf(local), time);
        var statistics = modules.Statistics;
        View = new ClusterView(modules.Informers, key => statistics.Snapshot().Where(traffic => traffic.Namespace == key.Namespace && traffic.Revision == key.Name).Sum(traffic => traffic.Requests));
    }

    /// <summary>The pod that stands for this process.</summary>
    public string PodName => environment.PodName;

    /// <summary>What a person sees.</summary>
    public ClusterView View { get; }

    /// <summary>
    /// Installs, and makes the modules. Leaders are elected unless the API server is in this process too: then no other control plane
    /// can outlive it, and a restart need not wait for the Leases of the run before.
    /// </summary>
    public static async Task<LocalControlPlane> CreateAsync(
        LocalOptions options, LoopbackSubnet subnet, KubernetesConfiguration configuration, ProcessLogging logging, TimeProvider time, CancellationToken cancellation)
    {
        var environment = new ClusterEnvironment(SystemNamespace, "cluster.local", $"serving-{subnet.Prefix.Replace('.', '-')}", subnet.HostAddress(HostNumber));
        var client = new KubernetesClient(configuration, time: time);
        try
        {
            await AnsweredAsync(client, logging, time, cancellation);
            await InstallAsync(client, time, cancellation);

            // The modules have the rights that the install gives them, and no others.
            var identity = new ServiceAccountCredential(new ServiceAccountTokens(client), SystemNamespace, Account, time);
            var own = configuration with { Credential = identity };
            var election = options.Has(LocalOptions.ApiServer) ? null : await ElectionSettings.ReadAsync(own, environment, logging.Factory, cancellation);
            return new LocalControlPlane(options, environment, client, own, identity, election, logging, time);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Starts and waits until every module is ready and the pod that stands for it gets traffic.</summary>
    public async Task StartAsync(LocalParts parts, CancellationToken cancellation)
    {
        await pod.CreateAsync(cancellation);
        parts.Run("control plane", RunModulesAsync);
        var started = time.GetTimestamp();
        while (modules.Readiness.Where(check => check.Problem is not null || check.Remark is not null).ToList() is { Count: > 0 } missing)
        {
            if (time.GetElapsedTime(started) > Patience)
            {
                throw new UserErrorException($"the control plane is not ready after {Patience.TotalSeconds:0} s: {string.Join("; ", missing.Select(check => $"{check.Name}: {check.Problem ?? check.Remark}"))}");
            }

            await Task.Delay(Interval, time, cancellation);
        }

        await pod.SetReadyAsync(true, cancellation);
    }

    /// <summary>Runs the modules; when told to stop, other hosts learn that this one leaves while its modules still serve what comes.</summary>
    private async Task RunModulesAsync(CancellationToken cancellation)
    {
        await using var probes = new HealthServer(new IPEndPoint(environment.ListenAddress, ControlPlane.HealthPort), modules, loggers);
        await probes.StartAsync(cancellation);
        using var stop = new CancellationTokenSource();
        var running = modules.RunAsync(stop.Token);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellation.Register(() => told.TrySetResult()))
        {
            await Task.WhenAny(running, told.Task);
        }

        var leaving = LeaveAsync();
        await stop.CancelAsync();
        await running;
        await leaving;
    }

    private async Task LeaveAsync()
    {
        using var limit = new CancellationTokenSource(LeaveTime, time);
        try
        {
            await pod.SetReadyAsync(false, limit.Token);
        }
        catch (Exception failure) when (failure is KubernetesException or OperationCanceledException)
        {
            logger.LogInformation("The pod that stands for this host could not be called not ready: {Reason}", failure.Message);
        }
    }

    /// <summary>A host may be started before its API server, or while that is away.</summary>
    private static async Task AnsweredAsync(KubernetesClient client, ProcessLogging logging, TimeProvider time, CancellationToken cancellation)
    {
        var logger = logging.Factory.CreateLogger<LocalControlPlane>();
        using var version = await FirstAnswer.WaitAsync(
            () => client.GetRawAsync("/version", cancellation), what => logger.LogWarning("The start waits for {What}", what), time, cancellation);
    }

    /// <summary>Several hosts may install at once: who meets another's write begins again, and finds it done.</summary>
    private static async Task InstallAsync(KubernetesClient client, TimeProvider time, CancellationToken cancellation)
    {
        var applier = new ManifestApplier(client, new ResourceDiscovery(client), time: time);
        var install = new LocalInstall(client, applier, SystemNamespace);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await install.ApplyAsync(cancellation);
                return;
            }
            catch (KubernetesException other) when (other.IsConflict && attempt < Attempts)
            {
                await Task.Delay(Interval * Random.Shared.Next(1, 10), time, cancellation);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await pod.RemoveAsync(CancellationToken.None);
        }
        finally
        {
            modules.Dispose();
            identity.Dispose();
            client.Dispose();
        }
    }
}
