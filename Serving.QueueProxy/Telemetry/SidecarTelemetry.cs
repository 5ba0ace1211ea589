using System.Globalization;
using System.Net;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Tracing;
using Serving.Observability;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Observability.Telemetry;

namespace Serving.QueueProxy.Telemetry;

/// <summary>
/// The telemetry of the sidecar's requests as configured in config-observability: request log, metrics (served or exported) and traces.
/// Invariant: nothing is created that is not enabled, since every pod would pay for it.
/// </summary>
internal sealed partial class SidecarTelemetry : IDisposable
{
    private const string Prometheus = "prometheus";
    private static readonly string[] Meters = [RequestMetrics.MeterName, DroppedLines.MeterName, "System.Runtime"];
    private static readonly string Version =
        typeof(SidecarTelemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private readonly QueueProxyConfig _config;
    private readonly RequestLog? _log;
    private readonly PrometheusExporter? _exporter;
    private readonly TelemetryExport? _export;

    public SidecarTelemetry(QueueProxyConfig config, TimeProvider time, ILogger logger)
    {
        _config = config;
        var observability = config.Observability;
        _log = Log(observability, logger);
        var served = observability.RequestMetricsProtocol == Prometheus;
        if (served)
            _exporter = new PrometheusExporter(new PrometheusOptions { Time = time, Logger = logger }, Meters) { Target = Target(config) };
        var options = OptionsOf(config);
        if (options.SendsMetrics || options.SendsTraces)
            _export = Start(options, logger);
        if (served || _export is { SendsMetrics: true })
            Metrics = new RequestMetrics();
        if (_export is { SendsTraces: true })
            Tracer = new RequestTracer(SpanNames.Source, new TraceSampling(options.SamplingRate));
        if (_log is not null || Tracer is not null)
            Observer = new RequestObserver(
                _log is null ? null : new LoggedRequests(_log, Revision(config), observability.EnableProbeRequestLog),
                Tracer,
                time
            );
    }

    /// <summary>Wraps request handling; null when requests are neither logged nor traced.</summary>
    public RequestObserver? Observer { get; }

    /// <summary>The metrics; null when disabled.</summary>
    public RequestMetrics? Metrics { get; }

    /// <summary>The spans; null when disabled.</summary>
    public RequestTracer? Tracer { get; }

    /// <summary>Creates loggers that export the sidecar's own log lines; null when they are not exported.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="failures">Reports lines that could not be exported.</param>
    /// <exception cref="FormatException">The endpoint is not an absolute URI.</exception>
    public static ILoggerFactory? LogExport(QueueProxyConfig config, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(config);
        var options = OptionsOf(config);
        try
        {
            return options.SendsLogs ? TelemetryExport.StartLogs(options, failures) : null;
        }
        catch (ArgumentException exception)
        {
            throw new FormatException($"The environment variable OBSERVABILITY_CONFIG is wrong: {exception.Message}", exception);
        }
        catch (Exception wrong) when (wrong is not OperationCanceledException)
        {
            // A variable that OpenTelemetry reads, such as the file of an authority: the program is served without the export.
            Console.Error.WriteLine($"Log lines are not exported: {wrong.Message}");
            return null;
        }
    }

    /// <summary>The endpoint on which metrics are served, on a port of its own; null when they are not served.</summary>
    public DataplaneEndpoint? Endpoint
    {
        get
        {
            if (_exporter is null)
                return null;
            var wanted = _config.Observability.RequestMetricsEndpoint;
            var colon = wanted.LastIndexOf(':');
            if (colon < 0)
                return new DataplaneEndpoint(_config.ListenAddress, _config.UserMetricsPort);
            var port = int.Parse(wanted.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture);

            // Where pods share a machine, each listens on its own address only.
            var address =
                !IPAddress.IsLoopback(_config.ListenAddress) && IPAddress.TryParse(wanted[..colon], out var named)
                    ? named
                    : _config.ListenAddress;
            return new DataplaneEndpoint(address, port);
        }
    }

    /// <summary>Handles a scrape.</summary>
    public Task HandleScrapeAsync(HttpContext context)
    {
        return context.Request.Path == "/metrics"
            ? _exporter!.HandleAsync(context)
            : PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "only /metrics is served on this port");
    }

    /// <summary>Flushes pending telemetry.</summary>
    public void Dispose()
    {
        _export?.Dispose();
        _exporter?.Dispose();
        Metrics?.Dispose();
        Tracer?.Dispose();
        _log?.Dispose();
    }

    /// <summary>The configured request log; null when there is none, or when its template is invalid, which is logged.</summary>
    private static RequestLog? Log(ObservabilityConfig observability, ILogger logger)
    {
        if (!observability.EnableRequestLog || observability.RequestLogTemplate.Length == 0)
            return null;
        var log = new RequestLog(SharedStream.Standard, "queue-proxy");
        try
        {
            log.SetTemplate(observability.RequestLogTemplate);
            return log;
        }
        catch (FormatException wrong)
        {
            LogTemplate(logger, wrong.Message);
            log.Dispose();
            return null;
        }
    }

    private static RequestLogRevision Revision(QueueProxyConfig config) =>
        new(config.Namespace, config.Revision, config.Service, config.Configuration, config.Pod, config.PodIP);

    private static TelemetryExport? Start(TelemetryOptions options, ILogger logger)
    {
        try
        {
            return TelemetryExport.Start(options, new ExportFailures().LogTo(logger));
        }
        catch (Exception wrong) when (wrong is not OperationCanceledException)
        {
            LogEndpoint(logger, wrong.Message);
            return null;
        }
    }

    private static TelemetryOptions OptionsOf(QueueProxyConfig config)
    {
        var observability = config.Observability;
        var options = new TelemetryOptions(config.TelemetryName)
        {
            ServiceInstance = config.Pod,
            ServiceVersion = Version,
            Attributes = Attributes(config),
            MetricsProtocol = observability.RequestMetricsProtocol,
            MetricsEndpoint = observability.RequestMetricsEndpoint,
            MetricsEndpointKey = "request-metrics-endpoint",
            MetricsExportInterval = observability.RequestMetricsExportInterval,
            Meters = Meters,
            TracingProtocol = observability.TracingProtocol,
            TracingEndpoint = observability.TracingEndpoint,
            TracingSamplingRate = observability.TracingSamplingRate,
            ActivitySources = [SpanNames.Source],
            LogsProtocol = observability.LoggingProtocol,
            LogsEndpoint = observability.LoggingEndpoint,
        };
        return options with { HasExemplars = options.SendsTraces };
    }

    private static Dictionary<string, string> Target(QueueProxyConfig config)
    {
        var attributes = Attributes(config);
        attributes["service.name"] = config.TelemetryName;
        attributes["service.instance.id"] = config.Pod;
        attributes["service.version"] = Version;
        return attributes;
    }

    private static Dictionary<string, string> Attributes(QueueProxyConfig config)
    {
        var attributes = new Dictionary<string, string>
        {
            ["k8s.container.name"] = "queue-proxy",
            ["k8s.namespace.name"] = config.Namespace,
            ["k8s.pod.name"] = config.Pod,
            ["kn.revision.name"] = config.Revision,
        };
        if (config.Service.Length > 0)
            attributes["kn.service.name"] = config.Service;
        if (config.Configuration.Length > 0)
            attributes["kn.configuration.name"] = config.Configuration;
        return attributes;
    }

    [LoggerMessage(20, LogLevel.Error, "The request log is disabled: {Reason}")]
    private static partial void LogTemplate(ILogger logger, string reason);

    [LoggerMessage(21, LogLevel.Error, "Telemetry is not exported: {Reason}")]
    private static partial void LogEndpoint(ILogger logger, string reason);
}
