namespace Serving.Observability.Telemetry;

/// <summary>The OpenTelemetry exporters, from config-observability. By default nothing is exported.</summary>
/// <param name="ServiceName">The name of this component, such as <c>activator</c>.</param>
public sealed record TelemetryOptions(string ServiceName)
{
    /// <summary>No exporter.</summary>
    public const string None = "none";

    /// <summary>OTLP over gRPC.</summary>
    public const string Grpc = "grpc";

    /// <summary>OTLP over HTTP with protobuf.</summary>
    public const string HttpProtobuf = "http/protobuf";

    /// <summary>Lines of JSON on standard output; of traces only.</summary>
    public const string StandardOutput = "stdout";

    /// <summary>The name of this instance, such as the pod's name.</summary>
    public string ServiceInstance { get; init; } = "";

    /// <summary>The version of the program.</summary>
    public string ServiceVersion { get; init; } = "";

    /// <summary>The namespace of the component.</summary>
    public string ServiceNamespace { get; init; } = "";

    /// <summary>Additional attributes of the resource.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string>();

    /// <summary>The protocol of the metrics exporter: <see cref="None"/>, <see cref="Grpc"/> or <see cref="HttpProtobuf"/>.
    /// <c>prometheus</c> is scraped, not exported.</summary>
    public string MetricsProtocol { get; init; } = None;

    /// <summary>The endpoint of the metrics exporter.</summary>
    public string MetricsEndpoint { get; init; } = "";

    /// <summary>The key of config-observability with that endpoint, for messages.</summary>
    public string MetricsEndpointKey { get; init; } = "metrics-endpoint";

    /// <summary>The export interval of metrics; zero for OpenTelemetry's default (60 s).</summary>
    public TimeSpan MetricsExportInterval { get; init; }

    /// <summary>Whether metrics have exemplars, which link them to sampled traces. Without traces they would only use memory.</summary>
    public bool HasExemplars { get; init; }

    /// <summary>The exported meters.</summary>
    public IReadOnlyList<string> Meters { get; init; } = ["Serving.*", "System.Runtime"];

    /// <summary>The protocol of the trace exporter: <see cref="None"/>, <see cref="Grpc"/>, <see cref="HttpProtobuf"/> or
    /// <see cref="StandardOutput"/>.</summary>
    public string TracingProtocol { get; init; } = None;

    /// <summary>The endpoint of the trace exporter; empty for <see cref="StandardOutput"/>.</summary>
    public string TracingEndpoint { get; init; } = "";

    /// <summary>The fraction of root traces that is sampled, 0 to 1; 0 samples nothing and 1 everything, whatever a caller
    /// decided.</summary>
    public double TracingSamplingRate { get; init; }

    /// <summary>The exported activity sources.</summary>
    public IReadOnlyList<string> ActivitySources { get; init; } = ["Serving.*"];

    /// <summary>The protocol of the log exporter: <see cref="None"/>, <see cref="Grpc"/> or <see cref="HttpProtobuf"/>.</summary>
    public string LogsProtocol { get; init; } = None;

    /// <summary>The endpoint of the log exporter.</summary>
    public string LogsEndpoint { get; init; } = "";

    /// <summary>Reads an environment variable: OpenTelemetry's override the endpoints, as in Knative's components.</summary>
    public Func<string, string?> Variables { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Whether metrics are exported.</summary>
    public bool SendsMetrics => MetricsProtocol is Grpc or HttpProtobuf;

    /// <summary>Whether traces are exported.</summary>
    public bool SendsTraces => TracingProtocol is Grpc or HttpProtobuf or StandardOutput && SamplingRate > 0;

    /// <summary>The sampling rate in effect: standard output is for debugging and gets every trace, as in Knative's components.</summary>
    public double SamplingRate => TracingProtocol == StandardOutput ? 1 : TracingSamplingRate;

    /// <summary>Whether logs are exported.</summary>
    public bool SendsLogs => LogsProtocol is Grpc or HttpProtobuf;

    /// <summary>The same with one signal only.</summary>
    /// <param name="signal">A name of <see cref="ExportSignal"/>.</param>
    public TelemetryOptions Only(string signal) =>
        this with
        {
            MetricsProtocol = signal == ExportSignal.Metrics ? MetricsProtocol : None,
            TracingProtocol = signal == ExportSignal.Traces ? TracingProtocol : None,
            LogsProtocol = signal == ExportSignal.Logs ? LogsProtocol : None,
        };
}
