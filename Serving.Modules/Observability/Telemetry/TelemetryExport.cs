using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Serving.Observability.Telemetry;

/// <summary>
/// The OpenTelemetry providers of the process. Only configured ones are built: without them, instruments and activities cost next to
/// nothing. Dispose flushes what is pending.
/// </summary>
public sealed class TelemetryExport : IDisposable
{
    /// <summary>OpenTelemetry's SDK reads it; it overrides the configuration, as in Knative's components.</summary>
    private const string IntervalVariable = "OTEL_METRIC_EXPORT_INTERVAL";

    private readonly MeterProvider? _metrics;
    private readonly TracerProvider? _traces;

    private TelemetryExport(MeterProvider? metrics, TracerProvider? traces)
    {
        _metrics = metrics;
        _traces = traces;
    }

    /// <summary>Whether metrics are exported.</summary>
    public bool SendsMetrics => _metrics is not null;

    /// <summary>Whether traces are exported.</summary>
    public bool SendsTraces => _traces is not null;

    /// <summary>Starts the exporters in <paramref name="options"/>.</summary>
    /// <param name="options">The exporters.</param>
    /// <param name="failures">Reports exports that fail.</param>
    /// <exception cref="ArgumentException">An endpoint is not an absolute URI.</exception>
    public static TelemetryExport Start(TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TelemetryExport(
            options.SendsMetrics ? Configure(Sdk.CreateMeterProviderBuilder(), options, failures).Build() : null,
            options.SendsTraces ? Configure(Sdk.CreateTracerProviderBuilder(), options, failures).Build() : null
        );
    }

    /// <summary>Adds our meters and the metrics exporter.</summary>
    /// <exception cref="ArgumentException">The endpoint is not an absolute URI.</exception>
    public static MeterProviderBuilder Configure(MeterProviderBuilder metrics, TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(failures);
        var endpoint = CollectorEndpoint.Of(ExportSignal.Metrics, options.MetricsProtocol, options.MetricsEndpoint, options.Variables);
        return metrics
            .SetResourceBuilder(Resource(options))
            .AddMeter([.. options.Meters])
            .AddView(SeriesLimit.Of)
            .SetExemplarFilter(options.HasExemplars ? ExemplarFilterType.TraceBased : ExemplarFilterType.AlwaysOff)
            .AddOtlpExporter(
                (exporter, reader) =>
                {
                    exporter.Protocol = ProtocolOf(options.MetricsProtocol);
                    exporter.Endpoint = endpoint;
                    failures.Watch(exporter, ExportSignal.Metrics, options.MetricsEndpointKey);
                    if (options.MetricsExportInterval > TimeSpan.Zero && string.IsNullOrEmpty(options.Variables(IntervalVariable)))
                    {
                        reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)
                            Math.Clamp(options.MetricsExportInterval.TotalMilliseconds, 1, int.MaxValue);
                    }
                }
            );
    }

    /// <summary>Adds our activity sources, sampling and the trace exporter.</summary>
    /// <exception cref="ArgumentException">The endpoint is not an absolute URI.</exception>
    public static TracerProviderBuilder Configure(TracerProviderBuilder traces, TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(failures);
        traces.SetResourceBuilder(Resource(options)).AddSource([.. options.ActivitySources]).SetSampler(SamplerOf(options.SamplingRate));
        if (options.TracingProtocol == TelemetryOptions.StandardOutput)
            return traces.AddProcessor(new BatchActivityExportProcessor(new SpanLines(SharedStream.Standard)));
        var endpoint = CollectorEndpoint.Of(ExportSignal.Traces, options.TracingProtocol, options.TracingEndpoint, options.Variables);
        return traces.AddOtlpExporter(exporter =>
        {
            exporter.Protocol = ProtocolOf(options.TracingProtocol);
            exporter.Endpoint = endpoint;
            failures.Watch(exporter, ExportSignal.Traces, "tracing-endpoint");
        });
    }

    /// <summary>Starts the log exporter. Every level is exported: the caller decides which lines it logs. Dispose flushes what is
    /// pending.</summary>
    /// <exception cref="ArgumentException">The endpoint is not an absolute URI.</exception>
    public static ILoggerFactory StartLogs(TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(options);
        LogsEndpointOf(options);
        var factory = LoggerFactory.Create(logging =>
            logging.SetMinimumLevel(LogLevel.Trace).AddOpenTelemetry(logs => Configure(logs, options, failures))
        );
        try
        {
            // The exporter is built with the first logger: what is wrong with it is known now, not when something is logged.
            factory.CreateLogger<TelemetryExport>();
            return factory;
        }
        catch
        {
            factory.Dispose();
            throw;
        }
    }

    /// <summary>Adds the log exporter. Records have their scopes and, within a span, its ids.</summary>
    /// <exception cref="ArgumentException">The endpoint is not an absolute URI.</exception>
    public static void Configure(OpenTelemetryLoggerOptions logs, TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(logs);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(failures);
        var endpoint = LogsEndpointOf(options);
        logs.IncludeScopes = true;
        logs.IncludeFormattedMessage = true;
        logs.SetResourceBuilder(Resource(options))
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = ProtocolOf(options.LogsProtocol);
                exporter.Endpoint = endpoint;
                failures.Watch(exporter, ExportSignal.Logs, "logging-endpoint");
            });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }

    // As in Knative's components: between the extremes the decision of a caller counts.
    private static Sampler SamplerOf(double rate) =>
        rate switch
        {
            <= 0 => new AlwaysOffSampler(),
            >= 1 => new AlwaysOnSampler(),
            _ => new ParentBasedSampler(new TraceIdRatioBasedSampler(rate)),
        };

    private static OtlpExportProtocol ProtocolOf(string protocol) =>
        protocol == TelemetryOptions.Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;

    private static ResourceBuilder Resource(TelemetryOptions options) =>
        ResourceBuilder
            .CreateEmpty()
            .AddService(
                options.ServiceName,
                options.ServiceNamespace.Length == 0 ? null : options.ServiceNamespace,
                options.ServiceVersion.Length == 0 ? null : options.ServiceVersion,
                autoGenerateServiceInstanceId: options.ServiceInstance.Length == 0,
                options.ServiceInstance.Length == 0 ? null : options.ServiceInstance
            )
            .AddTelemetrySdk()
            .AddAttributes(options.Attributes.Select(static attribute => new KeyValuePair<string, object>(attribute.Key, attribute.Value)));

    private static Uri LogsEndpointOf(TelemetryOptions options) =>
        CollectorEndpoint.Of(ExportSignal.Logs, options.LogsProtocol, options.LogsEndpoint, options.Variables);
}
