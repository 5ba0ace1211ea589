using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Activator.Requests;
using Serving.Activator.Statistics;
using Serving.Activator.Throttling;
using Serving.Concurrency;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Observability.Requests;

namespace Serving.Activator;

/// <summary>
/// Buffers requests of revisions without free capacity, reports them to the autoscaler, and forwards them as soon as a pod is ready.
/// Receives requests over the network and, from a gateway in the same process, directly.
/// </summary>
public sealed partial class ActivatorModule : IServingModule, IDisposable
{
    private const int MostIdleConnectionsToPod = 100;
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(1);

    private readonly ActivatorOptions _options;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly RevisionRegistry _registry;
    private readonly IRequestStatSink _sink;
    private readonly ConcurrencyReporter _reporter;
    private readonly TracedUpstream _upstream;
    private readonly RequestTracer _tracer;
    private readonly ActivatorMetrics _metrics;
    private readonly ActivationHandler _handler;
    private readonly ActivatorEndpoint _endpoint;
    private volatile string? _notReadyReason = "the activator has not started";
    private readonly Heartbeat _heartbeat;
    private volatile DataplaneServer? _server;
    private int _inFlight;

    /// <param name="options">Listen addresses, limits and timeouts.</param>
    /// <param name="environment">Provides the name of this pod, which identifies its stats, and the cluster's domain.</param>
    /// <param name="informers">Provide revisions, their pods, their Services and the Endpoints of the public Services.</param>
    /// <param name="sink">Receives the stats.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="requestLog">Returns the request log while it is enabled; null for never.</param>
    public ActivatorModule(
        ActivatorOptions options,
        ClusterEnvironment environment,
        IInformers informers,
        IRequestStatSink sink,
        ILoggerFactory loggers,
        TimeProvider time,
        RequestLog? requestLog = null
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(time);
        _options = options;
        _sink = sink;
        _time = time;
        _heartbeat = new Heartbeat("reporting requests", StuckAfter, time);
        _loggers = loggers;
        _logger = loggers.CreateLogger<ActivatorModule>();
        _registry = new RevisionRegistry(
            informers,
            options.Address,
            options.QueueDepth,
            options.Network,
            new PodProber(options.PodTls, options.PodTlsPort, time),
            _logger
        );
        _metrics = new ActivatorMetrics(_registry, time);
        sink.ScaledFromZero += _registry.OnScaledFromZero;
        _reporter = new ConcurrencyReporter(environment.PodName, sink, time, Measured);
        _tracer = new RequestTracer(RequestTelemetry.SourceName, options.Tracing);
        _upstream = new TracedUpstream(
            Upstreams.Create(
                new UpstreamOptions
                {
                    ConnectTimeout = TimeSpan.FromSeconds(2),
                    MostIdleConnections = MostIdleConnectionsToPod,
                    LoggerFactory = loggers,
                }
            ),
            _tracer,
            RequestTelemetry.ProxyName
        );
        _handler = new ActivationHandler(
            _registry,
            _reporter,
            new PodForwarder(_upstream, options.PodTls, options.PodTlsPort),
            new RequestTelemetry(requestLog, _tracer),
            _metrics,
            time,
            _logger
        );
        _endpoint = new ActivatorEndpoint(_handler, environment.ClusterDomain, () => NotReadyReason);
    }

    /// <inheritdoc/>
    public string Name => "activator";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <summary>
    /// As for any module. In addition the activator is unready while it alone cannot reach the autoscaler, because requests are better held
    /// by a replica that can trigger the scale-up. The threshold is longer than a change of leaders, and an unreachable API server makes no
    /// replica unready.
    /// </summary>
    public string? NotReadyReason => _notReadyReason ?? _sink.NotReadyReason;

    /// <inheritdoc/>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>The address of this activator in the Endpoints of a revision.</summary>
    public IPAddress Address => _options.Address;

    /// <summary>The endpoints of its servers, HTTP/1.1 first; available while it runs.</summary>
    public IReadOnlyList<IPEndPoint> Endpoints { get; private set; } = [];

    /// <summary>
    /// Holds a request until the revision has capacity, forwards it to a pod and writes the response. For gateways in this process; the
    /// revision determines the protocol to the pod.
    /// </summary>
    public async ValueTask HandleAsync(HttpContext context, string ns, string revision)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            await _handler.HandleAsync(context, ns, revision, http2: null, viaGateway: true);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        await using var reports = BackgroundTimer.Every(_time, "Reporting the request stats", ConcurrencyReporter.Period, Report);
        await using var server = new DataplaneServer(ServerOptions(), _endpoint.HandleAsync);
        await server.StartAsync(cancellation);
        _server = server;
        _heartbeat.Beat();
        Endpoints = server.Endpoints;
        try
        {
            await _registry.WaitForSyncAsync(cancellation);
            _notReadyReason = null;
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await DrainAsync(server);
        }
        finally
        {
            _server = null;
            await reports.DisposeAsync();
            _heartbeat.Idle();
        }
    }

    /// <inheritdoc/>
    public void BeginDrain()
    {
        if (_server is { } server)
        {
            _notReadyReason = "received SIGTERM from kubelet";
            server.BeginDrain();
        }
    }

    /// <summary>Removes all revisions and closes the connections to pods.</summary>
    public void Dispose()
    {
        _sink.ScaledFromZero -= _registry.OnScaledFromZero;
        _registry.Dispose();
        _upstream.Dispose();
        _tracer.Dispose();
        _metrics.Dispose();
    }

    // Requests arrive until all peers know that this replica is terminating; they are served as usual.
    private async Task DrainAsync(DataplaneServer server)
    {
        BeginDrain();
        LogDraining(_logger, _options.DrainDelay.TotalSeconds);
        if (_options.DrainDelay > TimeSpan.Zero)
            await Task.Delay(_options.DrainDelay, _time);
        using var limit = new CancellationTokenSource(_options.DrainTimeout, _time);
        await server.StopAsync(limit.Token);
        while (Volatile.Read(ref _inFlight) > 0 && !limit.IsCancellationRequested)
            await Task.Delay(TimeSpan.FromMilliseconds(20), _time);
    }

    private void Measured(ObjectKey revision, double concurrency)
    {
        if (_registry.Find(revision.Namespace, revision.Name) is { } entry)
            entry.Load.Concurrency = concurrency;
    }

    private void Report()
    {
        try
        {
            _reporter.Report();
            _registry.FollowNetwork();
            _registry.SweepColdStarts();
            _heartbeat.Beat();
        }
        catch (Exception exception)
        {
            // A sink that fails once must not stop reporting.
            LogReportFailed(_logger, exception);
        }
    }

    private DataplaneServerOptions ServerOptions()
    {
        List<DataplaneEndpoint> endpoints = [new(_options.ListenAddress, _options.HttpPort), new(_options.ListenAddress, _options.H2cPort)];
        if (_options.Certificates is { } certificates)
            endpoints.Add(new DataplaneEndpoint(_options.ListenAddress, _options.HttpsPort) { Certificates = certificates });
        return new DataplaneServerOptions
        {
            Endpoints = endpoints,
            Limits = new ServerLimits { MaxConnections = _options.MaxConnections, MaxHeaderBytes = _options.MaxRequestHeadBytes },
            LoggerFactory = _loggers,
        };
    }

    [LoggerMessage(1, LogLevel.Information, "Draining: continuing to serve for {Delay} s.")]
    private static partial void LogDraining(ILogger logger, double delay);

    [LoggerMessage(2, LogLevel.Error, "Reporting the request stats of the last second failed.")]
    private static partial void LogReportFailed(ILogger logger, Exception exception);
}
