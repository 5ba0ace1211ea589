using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Serving.Observability;

/// <summary>
/// The OpenTelemetry providers of the process. They are built only for what is configured: without them, instruments and
/// activities cost next to nothing. Dispose it to send what is left.
/// </summary>
public sealed class TelemetryExport : IDisposable
{
    private readonly MeterProvider? metrics;
    private readonly TracerProvider? traces;

    private TelemetryExport(MeterProvider? metrics, TracerProvider? traces)
    {
        this.metrics = metrics;
        this.traces = traces;
    }

    /// <summary>Whether metrics are sent.</summary>
    public bool SendsMetrics => metrics is not null;

    /// <summary>Whether traces are sent.</summary>
    public bool SendsTraces => traces is not null;

    /// <summary>Starts to send what <paramref name="options"/> say.</summary>
    /// <exception cref="ArgumentException">An endpoint is not an absolute URI.</exception>
    public static TelemetryExport Start(TelemetryOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new TelemetryExport(
            ProtocolOf(options.MetricsProtocol) is { } metricsProtocol ? BuildMetrics(options, metricsProtocol) : null,
            ProtocolOf(options.TracingProtocol) is { } tracingProtocol ? BuildTraces(options, tracingProtocol) : null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        metrics?.Dispose();
        traces?.Dispose();
    }

    private static OtlpExportProtocol? ProtocolOf(string protocol) => protocol switch
    {
        TelemetryOptions.Grpc => OtlpExportProtocol.Grpc,
        TelemetryOptions.HttpProtobuf => OtlpExportProtocol.HttpProtobuf,
        _ => null,
    };

    private static MeterProvider BuildMetrics(TelemetryOptions options, OtlpExportProtocol protocol)
        => Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(Resource(options))
            .AddMeter([.. options.Meters])
            .AddOtlpExporter((exporter, reader) =>
            {
                exporter.Protocol = protocol;
                exporter.Endpoint = EndpointOf(options.MetricsEndpoint);
                if (options.MetricsExportInterval > TimeSpan.Zero)
                {
                    reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)Math.Clamp(options.MetricsExportInterval.TotalMilliseconds, 1, int.MaxValue);
                }
            })
            .Build();

    private static TracerProvider BuildTraces(TelemetryOptions options, OtlpExportProtocol protocol)
        => Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(Resource(options))
            .AddSource([.. options.ActivitySources])
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(Math.Clamp(options.TracingSamplingRate, 0, 1))))
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = protocol;
                exporter.Endpoint = EndpointOf(options.TracingEndpoint);
            })
            .Build();

    private static ResourceBuilder Resource(TelemetryOptions options)
        => ResourceBuilder.CreateEmpty()
            .AddService(
                options.ServiceName,
                options.ServiceNamespace.Length == 0 ? null : options.ServiceNamespace,
                options.ServiceVersion.Length == 0 ? null : options.ServiceVersion,
                autoGenerateServiceInstanceId: options.ServiceInstance.Length == 0,
                options.ServiceInstance.Length == 0 ? null : options.ServiceInstance)
            .AddTelemetrySdk()
            .AddAttributes(options.Attributes.Select(static attribute => new KeyValuePair<string, object>(attribute.Key, attribute.Value)));

    private static Uri EndpointOf(string text)
        => Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var uri)
            ? uri
            : throw new ArgumentException($"\"{text}\" is not an endpoint that telemetry can be sent to");
}
