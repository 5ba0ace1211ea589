using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Dataplane;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Certificates;
using Serving.Networking.Gateway.Proxying;
using Serving.Networking.Gateway.Routing;

namespace Serving.Networking.Gateway;

/// <summary>
/// The built-in network layer: routes requests as the Ingresses of its class specify. Runs in every replica; statuses are written by
/// <see cref="GatewayStatusModule"/>. Invariant: requests are routed by one immutable table at a time; endpoint changes take effect without a
/// new table.
/// </summary>
public sealed partial class GatewayModule : IServingModule, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly GatewayOptions options;
    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly ILocalActivator? localActivator;
    private readonly IInformer<Ingress> ingresses;
    private readonly BackendRegistry backends;
    private readonly RouteTableBuilder builder;
    private readonly CertificateStore? certificates;
    private readonly IDisposable registration;
    private readonly SemaphoreSlim stale = new(1, 1);
    private readonly Heartbeat heartbeat;
    private volatile DataplaneServer[] servers = [];
    private RouteTable table = RouteTable.Empty;
    private TaskCompletionSource nextTable = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? notReady = "the gateway has not started";

    /// <param name="options">Listen addresses, and what to route.</param>
    /// <param name="environment">Provides the cluster's domain and the system namespace.</param>
    /// <param name="informers">Provides the caches of Ingresses, Services, Endpoints and, for HTTPS, Secrets.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="localActivator">The activator in this process; null if there is none.</param>
    public GatewayModule(
        GatewayOptions options, ClusterEnvironment environment, IInformers informers, ILoggerFactory loggers, TimeProvider time, ILocalActivator? localActivator = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        this.options = options;
        this.loggers = loggers;
        this.time = time;
        this.localActivator = localActivator;
        logger = loggers.CreateLogger<GatewayModule>();
        heartbeat = new Heartbeat("building the route table", Patience, time);
        ingresses = informers.For(Resources.Ingresses);
        backends = new BackendRegistry(informers, environment.ClusterDomain, options.InternalDomain(environment), localActivator?.Address);
        builder = new RouteTableBuilder(
            new IngressCompiler(backends, Statistics, environment.ClusterDomain), backends, Statistics, options.IngressClass, time);
        certificates = options.Https is null && options.ClusterLocalHttps is null ? null : new CertificateStore(informers.For(Resources.Secrets), logger);
        backends.AvailabilityChanged += MarkStale;
        registration = ingresses.AddHandler(_ => MarkStale());
    }

    /// <inheritdoc/>
    public string Name => "gateway";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public string? NotReadyReason => notReady;

    /// <inheritdoc/>
    public string? StuckReason => heartbeat.StuckReason;

    /// <summary>The traffic counters.</summary>
    public GatewayStatistics Statistics { get; } = new();

    /// <summary>Raised when a new table is in use.</summary>
    internal event Action? TableChanged;

    /// <summary>Completes when the next table is in use.</summary>
    internal Task NextTable => Volatile.Read(ref nextTable).Task;

    /// <summary>The current table.</summary>
    internal RouteTable Table => Volatile.Read(ref table);

    /// <summary>The listen addresses: external, cluster-local, HTTPS and cluster-local HTTPS; empty before the start.</summary>
    public IReadOnlyList<IPEndPoint> Listening { get; private set; } = [];

    /// <inheritdoc/>
    public void BeginDrain()
    {
        foreach (var server in servers)
        {
            server.BeginDrain();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        registration.Dispose();
        backends.Dispose();
        certificates?.Dispose();
        stale.Dispose();
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            notReady = "the gateway is waiting for its caches to sync";
            await Task.WhenAll(ingresses.WaitForSyncAsync(cancellation), backends.WaitForSyncAsync(cancellation), certificates?.WaitForSyncAsync(cancellation) ?? Task.CompletedTask).ConfigureAwait(false);
            await ServeAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopped before it started to serve.
        }
        finally
        {
            notReady = "the gateway has stopped";
        }
    }

    private async Task ServeAsync(CancellationToken cancellation)
    {
        var upstream = Upstreams.Create(new UpstreamOptions { LoggerFactory = loggers });
        using var _ = upstream as IDisposable;
        var router = new RequestRouter(new BackendForwarder(upstream, localActivator, options.RevisionTls, time, logger), options.TrustedHops);
        Rebuild(router);
        await using var external = new DataplaneServer(ServerOptions([Endpoint(options.External), .. HttpsEndpoints(options.Https)]), router.HandleExternalAsync);
        await using var clusterLocal = new DataplaneServer(ServerOptions([Endpoint(options.ClusterLocal), .. HttpsEndpoints(options.ClusterLocalHttps)]), router.HandleClusterLocalAsync);
        await external.StartAsync(cancellation).ConfigureAwait(false);
        await clusterLocal.StartAsync(cancellation).ConfigureAwait(false);
        Listening = [external.Endpoints[0], clusterLocal.Endpoints[0], .. external.Endpoints.Skip(1), .. clusterLocal.Endpoints.Skip(1)];
        servers = [external, clusterLocal];
        LogListening(logger, Listening[0], Listening[1]);
        notReady = null;
        try
        {
            await KeepFreshAsync(router, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            notReady = "the gateway is stopping";
        }

        await DrainAsync(router, external, clusterLocal).ConfigureAwait(false);
        servers = [];
    }

    /// <summary>Waits for requests in flight, while endpoints and routes are still updated.</summary>
    private async Task DrainAsync(RequestRouter router, DataplaneServer external, DataplaneServer clusterLocal)
    {
        LogDraining(logger, external.RequestsInFlight + clusterLocal.RequestsInFlight);
        using var deadline = new CancellationTokenSource(options.DrainTimeout, time);
        using var drained = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var fresh = KeepFreshAsync(router, drained.Token);
        await Task.WhenAll(external.StopAsync(deadline.Token), clusterLocal.StopAsync(deadline.Token)).ConfigureAwait(false);
        await drained.CancelAsync().ConfigureAwait(false);
        await fresh.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task KeepFreshAsync(RequestRouter router, CancellationToken cancellation)
    {
        while (true)
        {
            var wait = builder.NextDeadline is { } deadline ? deadline - time.GetUtcNow() : Timeout.InfiniteTimeSpan;
            if (wait != Timeout.InfiniteTimeSpan)
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var elapsed = Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, time, patience.Token);
                var changed = stale.WaitAsync(patience.Token);
                await Task.WhenAny(elapsed, changed).ConfigureAwait(false);
                await patience.CancelAsync().ConfigureAwait(false);
                await changed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellation.ThrowIfCancellationRequested();
            }
            else
            {
                await stale.WaitAsync(cancellation).ConfigureAwait(false);
            }

            Rebuild(router);
        }
    }

    private void Rebuild(RequestRouter router)
    {
        heartbeat.Beat();
        var next = builder.Build(ingresses.Lister.List());
        certificates?.Update(next.Tls);
        router.Table = next;
        Volatile.Write(ref table, next);
        Interlocked.Exchange(ref nextTable, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        TableChanged?.Invoke();
        heartbeat.Rest();
    }

    /// <summary>Requests a new table. Requests made before that table is built are coalesced.</summary>
    private void MarkStale()
    {
        try
        {
            stale.Release();
        }
        catch (SemaphoreFullException)
        {
            // Already requested.
        }
    }

    private IEnumerable<DataplaneEndpoint> HttpsEndpoints(IPEndPoint? address)
        => address is null ? [] : [Endpoint(address) with { Certificates = certificates!.Find }];

    private static DataplaneEndpoint Endpoint(IPEndPoint address) => new(address.Address, address.Port);

    private DataplaneServerOptions ServerOptions(IReadOnlyList<DataplaneEndpoint> endpoints) => new()
    {
        Endpoints = endpoints,
        HeadersTimeout = options.RequestHeadersTimeout,
        MaxHeaderBytes = options.MaxRequestHeadBytes,
        MaxConnections = options.MaxConnections,
        LoggerFactory = loggers,
    };

    [LoggerMessage(2, LogLevel.Information, "The gateway is listening on {External} (external) and {ClusterLocal} (cluster-local).")]
    private static partial void LogListening(ILogger logger, IPEndPoint external, IPEndPoint clusterLocal);

    [LoggerMessage(3, LogLevel.Information, "The gateway is stopping; {InFlight} requests are in flight.")]
    private static partial void LogDraining(ILogger logger, int inFlight);
}
