using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Serving.Api.Config;
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

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    /// <summary>After this many objects with metrics of their own have ended, the export is started again, which forgets them.</summary>
    private const int MostEnded = 500;
    private static readonly TimeSpan EndedCheck = TimeSpan.FromMinutes(10);

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
        using var running = new Running();
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                var wanted = _config.Current.Observability;
                var complete = await FollowAsync(running, wanted, cancellation);
                await WaitAsync(
                    !complete ? Retry
                        : running.SendsMetrics ? EndedCheck
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
            Stop(running);
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
        var options = OptionsOf(wanted);
        var (address, isKnown) = await PrometheusAddressAsync(wanted, cancellation);
        if (!Equals(_metrics.Address, address))
        {
            await _metrics.CloseAsync(_listeners, cancellation);
        }

        if (running.Export is null || running.Sending != Sending.Of(wanted) || (running.SendsMetrics && running.Ended >= MostEnded))
        {
            Stop(running);
            running.Start(ProcessTelemetry.Start(options, _failures), Sending.Of(wanted), options.SendsMetrics);
            _logging.ExportTo(running.Export?.Logs);
            Tracing.Rate = options.SendsTraces ? options.SamplingRate : 0;
        }

        if (!isKnown)
            return false;
        return address is null || _metrics.Address is not null || await ServeAsync(address, cancellation);
    }

    private void Stop(Running running)
    {
        Tracing.Rate = 0;
        _logging.ExportTo(null);
        running.StopExport();
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
        var options = new TelemetryOptions("serving")
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
        };
        return options with { HasExemplars = options.SendsTraces };
    }

    /// <summary>The settings that require a restart of the exporters when they change; other settings do not.</summary>
    private sealed record Sending(
        string Metrics,
        string MetricsTo,
        TimeSpan Every,
        string Traces,
        string TracesTo,
        double Rate,
        string Logs,
        string LogsTo
    )
    {
        public static Sending Of(ObservabilityConfig c) =>
            new(
                c.MetricsProtocol,
                c.MetricsEndpoint,
                c.MetricsExportInterval,
                c.TracingProtocol,
                c.TracingEndpoint,
                c.TracingSamplingRate,
                c.LoggingProtocol,
                c.LoggingEndpoint
            );
    }

    /// <summary>The running exporters. Used by one task only.</summary>
    private sealed class Running : IDisposable
    {
        private long _endedBefore;

        public ProcessTelemetry? Export { get; private set; }

        public Sending? Sending { get; private set; }

        /// <summary>Whether metrics are pushed.</summary>
        public bool SendsMetrics { get; private set; }

        /// <summary>Objects with metrics of their own that ended since the start of the export.</summary>
        public long Ended => EndedSeries.Count - _endedBefore;

        public void Start(ProcessTelemetry export, Sending sending, bool sendsMetrics)
        {
            Export = export;
            Sending = sending;
            SendsMetrics = sendsMetrics;
            _endedBefore = EndedSeries.Count;
        }

        public void StopExport()
        {
            Export?.Dispose();
            Export = null;
        }

        public void Dispose() => StopExport();
    }
}
