using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Concurrency;
using Serving.ConfigMaps;
using Serving.Dataplane.Tracing;
using Serving.Host.Metrics;
using Serving.Host.Telemetry;
using Serving.Instruments;
using Serving.Kubernetes.Hosting;
using Serving.Observability;
using Serving.Observability.Requests;
using Serving.Observability.Telemetry;

namespace Serving.Host.Composition;

/// <summary>
/// Applies config-logging and config-observability to the process, live: log levels at once; metrics, traces and logs by starting and
/// stopping exporters when the configuration changes. Invariant: only what is configured is collected or sent.
/// </summary>
internal sealed class ProcessObservability : IDisposable
{
    /// <summary>The port of the Prometheus endpoint where metrics-endpoint names none.</summary>
    public const int PrometheusPort = 9090;

    private const string ServiceName = "serving";

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    /// <summary>After this many objects with metrics of their own have ended, the export is started again, which forgets them.</summary>
    private const int MostEnded = 100;

    /// <summary>How long the series of one that has ended are pushed at most.</summary>
    private static readonly TimeSpan LongestEnded = TimeSpan.FromHours(1);
    private static readonly TimeSpan EndedCheck = TimeSpan.FromMinutes(10);

    /// <summary>How long an export may take to send what is pending when it ends.</summary>
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(5);

    private readonly ConfigStore _config;
    private readonly ProcessLogging _logging;
    private readonly ClusterEnvironment _environment;
    private readonly MetricsEndpoint _metrics;
    private readonly PortListeners _listeners;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _changed = new(0);
    private readonly ProcessMetrics _process;
    private readonly ExportFailures _failures;

    /// <param name="config">The configuration that is followed.</param>
    /// <param name="logging">The log whose levels are set.</param>
    /// <param name="environment">The pod: its address serves metrics, its name identifies the sender.</param>
    /// <param name="metrics">The endpoint for Prometheus.</param>
    /// <param name="listeners">Opens and closes its port.</param>
    /// <param name="time">The clock of retries.</param>
    /// <param name="requestOutput">The output of the request log; standard output when null.</param>
    public ProcessObservability(
        ConfigStore config,
        ProcessLogging logging,
        ClusterEnvironment environment,
        MetricsEndpoint metrics,
        PortListeners listeners,
        TimeProvider time,
        Stream? requestOutput = null
    )
    {
        // Two logs, and the spans of tracing-protocol stdout, write to the same stream.
        var output = requestOutput is null ? SharedStream.Standard : new SharedStream(requestOutput);
        Requests = new RequestLog(output, "activator");
        GatewayRequests = new RequestLog(output, "gateway");
        _config = config;
        _logging = logging;
        _environment = environment;
        _metrics = metrics;
        _metrics.Target = Target();
        _listeners = listeners;
        _time = time;
        _logger = logging.Factory.CreateLogger<ProcessObservability>();
        _failures = new ExportFailures().LogTo(_logger);
        _process = new ProcessMetrics(time);
        config.Changed += OnChanged;
    }

    /// <summary>The log of the activator's requests; enabled by the configuration.</summary>
    public RequestLog Requests { get; }

    /// <summary>The access log of the gateway; enabled by the configuration.</summary>
    public RequestLog GatewayRequests { get; }

    /// <summary>Which requests gateway and activator trace, as configured.</summary>
    public TraceSampling Tracing { get; } = new();

    /// <summary>Serves and exports what is configured until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var running = new Running();
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                var wanted = _config.Current.Observability;
                var complete = await FollowAsync(running, wanted, cancellation);
                await WaitAsync(
                    !complete ? Retry
                        : running.Metrics.Telemetry is not null ? EndedCheck
                        : Timeout.InfiniteTimeSpan,
                    cancellation
                );
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Shutdown.
        }
        finally
        {
            // The server is closed by now, and the port with it.
            _metrics.Dispose();
            Tracing.Rate = 0;
            _logging.ExportTo(null);
            await Task.WhenAll(StopAsync(running.Metrics), StopAsync(running.Traces), StopAsync(running.Logs));
        }
    }

    public void Dispose()
    {
        _config.Changed -= OnChanged;
        _changed.Dispose();
        _process.Dispose();
        Requests.Dispose();
        GatewayRequests.Dispose();
    }

    private void OnChanged(ConfigSnapshot old, ConfigSnapshot current)
    {
        if (old.Logging != current.Logging)
        {
            _logging.Apply(current.Logging);
        }

        if (old.Observability != current.Observability)
        {
            FollowRequests(current.Observability);
            _changed.Release();
        }
    }

    private void FollowRequests(ObservabilityConfig wanted)
    {
        Follow(Requests, "request log", wanted.LoggingEnableRequestLog ? wanted.LoggingRequestLogTemplate : "");
        Follow(GatewayRequests, "gateway's access log", wanted.LoggingGatewayAccessLogTemplate);
    }

    private void Follow(RequestLog log, string name, string template)
    {
        try
        {
            log.SetTemplate(template);
        }
        catch (FormatException wrong)
        {
            _logger.LogError("The template of the {Log} is invalid, the last valid one stays in use: {Reason}", name, wrong.Message);
        }
    }

    /// <summary>Waits for a change, or until the next check is due.</summary>
    private async Task WaitAsync(TimeSpan check, CancellationToken cancellation)
    {
        using var due = new CancellationTokenSource(check, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(due.Token, cancellation);
        try
        {
            await _changed.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The check is due.
        }
    }

    /// <summary>Starts and stops parts until they match the configuration; false when one could not be started.</summary>
    private async Task<bool> FollowAsync(Running running, ObservabilityConfig wanted, CancellationToken cancellation)
    {
        var (address, isKnown) = await PrometheusAddressAsync(wanted, cancellation);
        if (!Equals(_metrics.Address, address))
        {
            await _metrics.CloseAsync(_listeners, cancellation);
        }

        await FollowExportsAsync(running, wanted);
        if (!isKnown)
            return false;
        return address is null || _metrics.Address is not null || await ServeAsync(address, cancellation);
    }

    /// <summary>Restarts the exports whose own settings have changed. The others keep their series, which would begin again at zero.
    /// Metrics have exemplars where traces are exported, so switching tracing on or off restarts them too.</summary>
    private async Task FollowExportsAsync(Running running, ObservabilityConfig wanted)
    {
        var options = OptionsOf(wanted);
        var traces = (wanted.TracingProtocol, wanted.TracingEndpoint, options.SamplingRate);
        var metrics = (wanted.MetricsProtocol, wanted.MetricsEndpoint, wanted.MetricsExportInterval, options.HasExemplars);
        var logs = (wanted.LoggingProtocol, wanted.LoggingEndpoint);
        var (restartsTraces, restartsMetrics, restartsLogs) = (
            !traces.Equals(running.Traces.Settings),
            !metrics.Equals(running.Metrics.Settings) || HasOutlivedSeries(running),
            !logs.Equals(running.Logs.Settings)
        );
        if (restartsTraces)
            Tracing.Rate = 0;
        if (restartsLogs)
            _logging.ExportTo(null);
        await Task.WhenAll(
            restartsTraces ? StopAsync(running.Traces) : Task.CompletedTask,
            restartsMetrics ? StopAsync(running.Metrics) : Task.CompletedTask,
            restartsLogs ? StopAsync(running.Logs) : Task.CompletedTask
        );
        if (restartsTraces)
        {
            Start(running.Traces, options.Only(ExportSignal.Traces), traces);
            Tracing.Rate = running.Traces.Telemetry is null ? 0 : options.SamplingRate;
        }

        if (restartsMetrics)
        {
            Start(running.Metrics, options.Only(ExportSignal.Metrics), metrics);
            running.MetricsStarted = (_time.GetTimestamp(), EndedSeries.Count);
        }

        if (restartsLogs)
        {
            Start(running.Logs, options.Only(ExportSignal.Logs), logs);
            _logging.ExportTo(running.Logs.Telemetry?.Logs);
        }
    }

    /// <summary>Whether the SDK, which forgets no series, pushes too many of objects that have ended, or one for too long.</summary>
    private bool HasOutlivedSeries(Running running)
    {
        var (since, before) = running.MetricsStarted;
        var ended = EndedSeries.Count - before;
        return running.Metrics.Telemetry is not null && (ended >= MostEnded || (ended > 0 && _time.GetElapsedTime(since) >= LongestEnded));
    }

    private void Start(RunningExport export, TelemetryOptions options, object settings)
    {
        export.Settings = settings;
        try
        {
            export.Telemetry = ProcessTelemetry.Start(options, _failures);
        }
        catch (Exception wrong) when (wrong is not OperationCanceledException)
        {
            // A variable that OpenTelemetry reads, such as the file of an authority: the keys of the ConfigMap are checked. Nothing else
            // ends with this export.
            _logger.LogError(wrong, "Telemetry is not exported: {Reason}", wrong.Message);
        }
    }

    /// <summary>Stops an export on another thread, because it sends what is pending and waits for the collector.</summary>
    private async Task StopAsync(RunningExport export)
    {
        if (export.Telemetry is not { } telemetry)
        {
            return;
        }

        (export.Telemetry, export.Settings) = (null, null);
        var stopping = Task.Run(telemetry.Dispose);
        BackgroundFailure.Watch("Stopping an export of telemetry", stopping);
        if (await Task.WhenAny(stopping, Task.Delay(StopWithin, _time)) != stopping)
        {
            _logger.LogWarning("An export of telemetry did not end within {Limit}: what the collector has not taken is lost", StopWithin);
        }
    }

    private async Task<bool> ServeAsync(IPEndPoint address, CancellationToken cancellation)
    {
        try
        {
            await _metrics.OpenAsync(_listeners, address, cancellation);
            _logger.LogInformation("Metrics are served at {Scheme}://{Address}/metrics", _metrics.Scheme, address);
            return true;
        }
        catch (IOException error)
        {
            _logger.LogError(error, "Metrics cannot be served at {Address}; retrying in {Retry}", address, Retry);
            return false;
        }
    }

    /// <summary>The address of the Prometheus endpoint: the listen address, or what metrics-endpoint names; unknown while that cannot be
    /// resolved.</summary>
    private async Task<(IPEndPoint? Address, bool IsKnown)> PrometheusAddressAsync(
        ObservabilityConfig wanted,
        CancellationToken cancellation
    )
    {
        if (wanted.MetricsProtocol != "prometheus")
        {
            return (null, true);
        }

        var colon = wanted.MetricsEndpoint.LastIndexOf(':');
        var port =
            colon < 0
                ? PrometheusPort
                : int.Parse(wanted.MetricsEndpoint[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        var host = colon < 0 ? "" : wanted.MetricsEndpoint[..colon].Trim('[', ']');
        if (host.Length == 0)
        {
            return (new IPEndPoint(_environment.ListenAddress, port), true);
        }

        try
        {
            var found = await Dns.GetHostAddressesAsync(host, cancellation);
            var address = found.FirstOrDefault(static one => one.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
            return (new IPEndPoint(address, port), true);
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            _logger.LogError(
                "Metrics are not served: metrics-endpoint {Endpoint} names no address ({Reason}); tried again in {Retry}",
                wanted.MetricsEndpoint,
                error.Message,
                Retry
            );
            return (null, false);
        }
    }

    private TelemetryOptions OptionsOf(ObservabilityConfig wanted)
    {
        var options = new TelemetryOptions(ServiceName)
        {
            ServiceInstance = _environment.PodName,
            ServiceNamespace = _environment.SystemNamespace,
            ServiceVersion = ProcessMetrics.ProductVersion,
            MetricsProtocol = wanted.MetricsProtocol,
            MetricsEndpoint = wanted.MetricsEndpoint,
            MetricsExportInterval = wanted.MetricsExportInterval,
            TracingProtocol = wanted.TracingProtocol,
            TracingEndpoint = wanted.TracingEndpoint,
            TracingSamplingRate = wanted.TracingSamplingRate,
            LogsProtocol = wanted.LoggingProtocol,
            LogsEndpoint = wanted.LoggingEndpoint,
            Attributes = Attributes(),
        };
        return options with { HasExemplars = options.SendsTraces };
    }

    private Dictionary<string, string> Attributes()
    {
        var attributes = new Dictionary<string, string> { ["k8s.namespace.name"] = _environment.SystemNamespace };
        if (_environment.PodName.Length > 0)
        {
            attributes["k8s.pod.name"] = _environment.PodName;
        }

        return attributes;
    }

    /// <summary>The labels of <c>target_info</c>: the same resource as that of what is pushed.</summary>
    private Dictionary<string, string> Target()
    {
        var target = Attributes();
        target["service.name"] = ServiceName;
        target["service.namespace"] = _environment.SystemNamespace;
        target["service.instance.id"] = _environment.PodName;
        target["service.version"] = ProcessMetrics.ProductVersion;
        return target;
    }

    /// <summary>The running exporters. Used by one task only.</summary>
    private sealed class Running
    {
        public RunningExport Metrics { get; } = new();

        public RunningExport Traces { get; } = new();

        public RunningExport Logs { get; } = new();

        /// <summary>When the export of metrics was started, and how many objects with series had ended before.</summary>
        public (long Time, long Ended) MetricsStarted { get; set; }
    }

    /// <summary>The export of one signal.</summary>
    private sealed class RunningExport
    {
        /// <summary>Null while nothing is exported.</summary>
        public ProcessTelemetry? Telemetry { get; set; }

        /// <summary>The settings it was started with; null before the first start.</summary>
        public object? Settings { get; set; }
    }
}
