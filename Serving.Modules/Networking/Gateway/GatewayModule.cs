using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Dataplane.Inspection;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Certificates;
using Serving.Networking.Gateway.Inspection;
using Serving.Networking.Gateway.Proxying;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway;

/// <summary>
/// The built-in network layer: routes requests as the Ingresses of its class specify. Runs in every replica; statuses are written by
/// <see cref="GatewayStatusModule"/>. Invariant: requests are routed by one immutable table at a time; endpoint changes take effect without
/// a new table.
/// </summary>
public sealed partial class GatewayModule : IServingModule, IDisposable
{
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(1);

    private readonly GatewayOptions _options;
    private readonly ListenerLimits _limits;
    private readonly Lock _applying = new();
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly ILocalActivator? _localActivator;
    private readonly GatewayMetrics _metrics;
    private readonly RequestTracer _tracer;
    private readonly RequestLog? _accessLog;
    private readonly IInformer<Ingress> _ingresses;
    private readonly BackendRegistry _backends;
    private readonly RouteTableBuilder _builder;
    private readonly CertificateStore? _certificates;
    private readonly IDisposable _registration;
    private readonly RouteChanges _changes = new();
    private readonly Heartbeat _heartbeat;
    private volatile DataplaneServer[] _servers = [];
    private RouteTable _table = RouteTable.Empty;
    private TaskCompletionSource _nextTable = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _notReady = "the gateway has not started";

    /// <param name="options">Listen addresses, and what to route.</param>
    /// <param name="environment">Provides the cluster's domain and the system namespace.</param>
    /// <param name="informers">Provides the caches of Ingresses, Services, Endpoints and, for HTTPS, Secrets.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="localActivator">The activator in this process; null if there is none.</param>
    /// <param name="accessLog">Logs the requests while it is enabled; null for never.</param>
    public GatewayModule(
        GatewayOptions options,
        ClusterEnvironment environment,
        IInformers informers,
        ILoggerFactory loggers,
        TimeProvider time,
        ILocalActivator? localActivator = null,
        RequestLog? accessLog = null
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        _options = options;
        _limits = new ListenerLimits(options);
        _loggers = loggers;
        _time = time;
        _localActivator = localActivator;
        _accessLog = accessLog;
        _metrics = new GatewayMetrics(Statistics, Connections);
        _tracer = new RequestTracer(GatewaySpan.SourceName, options.Tracing);
        _logger = loggers.CreateLogger<GatewayModule>();
        _heartbeat = new Heartbeat("building the route table", StuckAfter, time);
        _ingresses = informers.For(Resources.Ingresses);
        _backends = new BackendRegistry(informers, environment.ClusterDomain, options.InternalDomain(environment), localActivator?.Address);
        _builder = new RouteTableBuilder(
            new IngressCompiler(_backends, Statistics, environment.ClusterDomain),
            _backends,
            Statistics,
            new ServedIngresses(options, environment),
            time
        );
        _certificates =
            options.Https is null && options.ClusterLocalHttps is null
                ? null
                : new CertificateStore(informers.For(Resources.Secrets), _logger);
        _backends.AvailabilityChanged += _changes.Add;
        _registration = _ingresses.AddHandler(change => _changes.Add(change.Key));
    }

    /// <inheritdoc/>
    public string Name => "gateway";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public string? NotReadyReason => _notReady;

    /// <inheritdoc/>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>The traffic counters.</summary>
    public GatewayStatistics Statistics { get; } = new();

    /// <summary>Raised when a new table is in use, with the Ingresses whose state in it is another.</summary>
    internal event Action<IReadOnlyCollection<ObjectKey>>? TableChanged;

    /// <summary>Completes when the next table is in use.</summary>
    internal Task NextTable => Volatile.Read(ref _nextTable).Task;

    /// <summary>The current table.</summary>
    internal RouteTable Table => Volatile.Read(ref _table);

    /// <summary>The listen addresses: external, cluster-local, HTTPS and cluster-local HTTPS; empty before the start.</summary>
    public IReadOnlyList<IPEndPoint> Listening { get; private set; } = [];

    /// <summary>Where this gateway routes a host and a path now, for display.</summary>
    /// <param name="host">The host, with or without port.</param>
    /// <param name="path">The decoded path, which begins with a slash.</param>
    public RouteExplanation Explain(string host, string path)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(path);
        return RouteExplainer.Explain(Table, _ingresses.Lister, host, path);
    }

    /// <inheritdoc/>
    public void BeginDrain()
    {
        foreach (var server in _servers)
        {
            server.BeginDrain();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _registration.Dispose();
        _backends.Dispose();
        _certificates?.Dispose();
        _metrics.Dispose();
        _tracer.Dispose();
        _changes.Dispose();
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            _notReady = "the gateway is waiting for its caches to sync";
            await Task.WhenAll(
                _ingresses.WaitForSyncAsync(cancellation),
                _backends.WaitForSyncAsync(cancellation),
                _certificates?.WaitForSyncAsync(cancellation) ?? Task.CompletedTask
            );
            await ServeAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopped before it started to serve.
        }
        finally
        {
            _notReady = "the gateway has stopped";
        }
    }

    private async Task ServeAsync(CancellationToken cancellation)
    {
        using var upstream = new TracedUpstream(
            Upstreams.Create(new UpstreamOptions { LoggerFactory = _loggers }),
            _tracer,
            GatewaySpan.ProxyName
        );
        var router = new RequestRouter(
            new BackendForwarder(upstream, _localActivator, _options.RevisionTls, _metrics, _accessLog, _time, _logger),
            _metrics,
            _tracer,
            _accessLog,
            _limits
        );
        Rebuild(router);
        await using var external = new DataplaneServer(
            ServerOptions([Endpoint(_options.External), .. HttpsEndpoints(_options.Https)], _limits.External),
            router.HandleExternalAsync
        );
        await using var clusterLocal = new DataplaneServer(
            ServerOptions([Endpoint(_options.ClusterLocal), .. HttpsEndpoints(_options.ClusterLocalHttps)], _limits.ClusterLocal),
            router.HandleClusterLocalAsync
        );
        using var changes = _limits.OnChange(() => ApplyLimits(external, clusterLocal));
        ApplyLimits(external, clusterLocal);
        await external.StartAsync(cancellation);
        await clusterLocal.StartAsync(cancellation);
        Listening = [external.Endpoints[0], clusterLocal.Endpoints[0], .. external.Endpoints.Skip(1), .. clusterLocal.Endpoints.Skip(1)];
        _servers = [external, clusterLocal];
        LogListening(_logger, Listening[0], Listening[1]);
        _notReady = null;
        try
        {
            await KeepFreshAsync(router, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _notReady = "the gateway is stopping";
        }

        await DrainAsync(router, external, clusterLocal);
        _servers = [];
    }

    /// <summary>Waits for requests in flight, while endpoints and routes are still updated.</summary>
    private async Task DrainAsync(RequestRouter router, DataplaneServer external, DataplaneServer clusterLocal)
    {
        LogDraining(_logger, external.RequestsInFlight + clusterLocal.RequestsInFlight);
        using var deadline = new CancellationTokenSource(_limits.DrainTimeout, _time);
        using var drained = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var fresh = KeepFreshAsync(router, drained.Token);
        await Task.WhenAll(external.StopAsync(deadline.Token), clusterLocal.StopAsync(deadline.Token));
        await drained.CancelAsync();
        await fresh.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task KeepFreshAsync(RequestRouter router, CancellationToken cancellation)
    {
        while (true)
        {
            var wait = _builder.NextDeadline is { } deadline ? deadline - _time.GetUtcNow() : Timeout.InfiniteTimeSpan;
            if (wait != Timeout.InfiniteTimeSpan)
            {
                using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var elapsed = Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _time, waiting.Token);
                var changed = _changes.WaitAsync(waiting.Token);
                await Task.WhenAny(elapsed, changed);
                await waiting.CancelAsync();
                await changed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellation.ThrowIfCancellationRequested();
            }
            else
            {
                await _changes.WaitAsync(cancellation);
            }

            Rebuild(router);
        }
    }

    private void Rebuild(RequestRouter router)
    {
        _heartbeat.Beat();
        var (ingresses, available) = _changes.Take();
        var changed = _builder.Apply(ingresses, key => _ingresses.Lister.Get(key.Namespace, key.Name), available, Failed);
        var next = _builder.Table;
        if (!ReferenceEquals(next, Table))
        {
            _certificates?.Update(next.Tls);
            router.Table = next;
            Volatile.Write(ref _table, next);
            Interlocked
                .Exchange(ref _nextTable, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
                .TrySetResult();
            TableChanged?.Invoke(changed);
        }

        _heartbeat.Idle();
    }

    private void Failed(ObjectKey ingress, Exception exception) => LogNotCompiled(_logger, exception, ingress);

    private IEnumerable<ListenerConnections> Connections() =>
        _servers is [var external, var clusterLocal]
            ?
            [
                .. external.Connections.Select((open, i) => new ListenerConnections(Listener.External.Name(), SchemeOf(i), open)),
                .. clusterLocal.Connections.Select((open, i) => new ListenerConnections(Listener.ClusterLocal.Name(), SchemeOf(i), open)),
            ]
            : [];

    // Each server's first endpoint is HTTP, the second HTTPS.
    private static string SchemeOf(int endpoint) => endpoint == 0 ? "http" : "https";

    private IEnumerable<DataplaneEndpoint> HttpsEndpoints(IPEndPoint? address) =>
        address is null ? [] : [Endpoint(address) with { Certificates = _certificates!.Find }];

    private static DataplaneEndpoint Endpoint(IPEndPoint address) => new(address.Address, address.Port);

    private DataplaneServerOptions ServerOptions(IReadOnlyList<DataplaneEndpoint> endpoints, ServerLimits limits) =>
        new()
        {
            Endpoints = endpoints,
            Limits = limits,
            LoggerFactory = _loggers,
        };

    private void ApplyLimits(DataplaneServer external, DataplaneServer clusterLocal)
    {
        // The first call may meet a change: the settings are read and applied in one order.
        lock (_applying)
        {
            external.Limits = _limits.External;
            clusterLocal.Limits = _limits.ClusterLocal;
        }
    }

    [LoggerMessage(2, LogLevel.Information, "The gateway is listening on {External} (external) and {ClusterLocal} (cluster-local).")]
    private static partial void LogListening(ILogger logger, IPEndPoint external, IPEndPoint clusterLocal);

    [LoggerMessage(3, LogLevel.Information, "The gateway is stopping; {InFlight} requests are in flight.")]
    private static partial void LogDraining(ILogger logger, int inFlight);

    [LoggerMessage(4, LogLevel.Error, "Ingress {Ingress} cannot be routed; its previous version stays in use.")]
    private static partial void LogNotCompiled(ILogger logger, Exception exception, ObjectKey ingress);
}
