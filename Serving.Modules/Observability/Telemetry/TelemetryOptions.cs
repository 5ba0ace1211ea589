namespace Serving.Observability.Telemetry;

/// <summary>What to send to OpenTelemetry collectors, as config-observability says. By default nothing is sent.</summary>
/// <param name="ServiceName">The name of this component, as <c>activator</c>.</param>
public sealed record TelemetryOptions(string ServiceName)
{
    /// <summary>No protocol: nothing is sent.</summary>
    public const string None = "none";

    /// <summary>OTLP over gRPC.</summary>
    public const string Grpc = "grpc";

    /// <summary>OTLP over HTTP, in protobuf.</summary>
    public const string HttpProtobuf = "http/protobuf";

    /// <summary>Which of several instances this is, as the pod's name.</summary>
    public string ServiceInstance { get; init; } = "";

    /// <summary>The version of the program.</summary>
    public string ServiceVersion { get; init; } = "";

    /// <summary>The namespace of the component.</summary>
    public string ServiceNamespace { get; init; } = "";

    /// <summary>Further attributes of the resource.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string>();

    /// <summary>How metrics are sent: <see cref="None"/>, <see cref="Grpc"/> or <see cref="HttpProtobuf"/>. <c>prometheus</c> is served,
    /// not sent.</summary>
    public string MetricsProtocol { get; init; } = None;

    /// <summary>Where metrics are sent.</summary>
    public string MetricsEndpoint { get; init; } = "";

    /// <summary>How often metrics are sent; zero for the default of OpenTelemetry (60 s).</summary>
    public TimeSpan MetricsExportInterval { get; init; }

    /// <summary>Meters to send.</summary>
    public IReadOnlyList<string> Meters { get; init; } = ["Serving.*", "System.Runtime"];

    /// <summary>How traces are sent: <see cref="None"/>, <see cref="Grpc"/>, <see cref="HttpProtobuf"/>.</summary>
    public string TracingProtocol { get; init; } = None;

    /// <summary>Where traces are sent.</summary>
    public string TracingEndpoint { get; init; } = "";

    /// <summary>The part of traces begun here that is sent, 0 to 1.</summary>
    public double TracingSamplingRate { get; init; }

    /// <summary>Activity sources to send.</summary>
    public IReadOnlyList<string> ActivitySources { get; init; } = ["Serving.*"];

    /// <summary>Whether metrics are sent.</summary>
    public bool SendsMetrics => MetricsProtocol is Grpc or HttpProtobuf;

    /// <summary>Whether traces are sent.</summary>
    public bool SendsTraces => TracingProtocol is Grpc or HttpProtobuf;
}
