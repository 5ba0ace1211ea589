using System.Text.Json;

namespace Serving.QueueProxy;

/// <summary>The part of <c>config-observability</c> that the sidecar uses (<c>OBSERVABILITY_CONFIG</c>).</summary>
internal sealed record ObservabilityConfig
{
    /// <summary>The protocol of request metrics: <c>none</c>, <c>prometheus</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string RequestMetricsProtocol { get; init; } = "none";

    /// <summary>The endpoint that request metrics are exported to; for <c>prometheus</c> the <c>host:port</c> to serve them on, or
    /// empty.</summary>
    public string RequestMetricsEndpoint { get; init; } = "";

    /// <summary>The export interval of request metrics; zero for OpenTelemetry's default.</summary>
    public TimeSpan RequestMetricsExportInterval { get; init; }

    /// <summary>The protocol of traces: <c>none</c>, <c>stdout</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string TracingProtocol { get; init; } = "none";

    /// <summary>The endpoint that traces are exported to.</summary>
    public string TracingEndpoint { get; init; } = "";

    /// <summary>The sampling rate of traces that start here, 0 to 1.</summary>
    public double TracingSamplingRate { get; init; }

    /// <summary>The protocol of the export of the sidecar's own log lines: <c>none</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string LoggingProtocol { get; init; } = "none";

    /// <summary>The endpoint that log lines are exported to.</summary>
    public string LoggingEndpoint { get; init; } = "";

    /// <summary>The template of a request log line; empty for no request log.</summary>
    public string RequestLogTemplate { get; init; } = "";

    /// <summary>Whether requests are logged.</summary>
    public bool EnableRequestLog { get; init; }

    /// <summary>Whether probes are logged too.</summary>
    public bool EnableProbeRequestLog { get; init; }

    /// <summary>Parses the JSON that the controller writes; unknown keys are ignored.</summary>
    /// <exception cref="FormatException">The text is not valid JSON.</exception>
    public static ObservabilityConfig Parse(string json)
    {
        if (string.IsNullOrWhiteSpace(json))
            return new ObservabilityConfig();
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var (metrics, tracing, logging) = (Object(root, "requestMetrics"), Object(root, "tracing"), Object(root, "logging"));
            return new ObservabilityConfig
            {
                RequestMetricsProtocol = Text(metrics, "protocol") is { Length: > 0 } metricsProtocol ? metricsProtocol : "none",
                RequestMetricsEndpoint = Text(metrics, "endpoint"),

                // Go serializes durations as nanoseconds.
                RequestMetricsExportInterval = TimeSpan.FromTicks((long)(Number(metrics, "exportInterval") / TimeSpan.NanosecondsPerTick)),
                TracingProtocol = Text(tracing, "protocol") is { Length: > 0 } tracingProtocol ? tracingProtocol : "none",
                TracingEndpoint = Text(tracing, "endpoint"),
                TracingSamplingRate = Number(tracing, "samplingRate"),
                LoggingProtocol = Text(logging, "protocol") is { Length: > 0 } loggingProtocol ? loggingProtocol : "none",
                LoggingEndpoint = Text(logging, "endpoint"),
                RequestLogTemplate = Text(root, "requestLogTemplate"),
                EnableRequestLog = Flag(root, "enableRequestLog"),
                EnableProbeRequestLog = Flag(root, "enableProbeRequestLog"),
            };
        }
        catch (JsonException exception)
        {
            throw new FormatException($"The environment variable OBSERVABILITY_CONFIG is not valid JSON: {exception.Message}", exception);
        }
    }

    private static JsonElement Object(JsonElement element, string name) => Member(element, name, JsonValueKind.Object) ?? default;

    private static string Text(JsonElement element, string name) => Member(element, name, JsonValueKind.String)?.GetString() ?? "";

    private static double Number(JsonElement element, string name) => Member(element, name, JsonValueKind.Number)?.GetDouble() ?? 0;

    private static bool Flag(JsonElement element, string name) => Member(element, name, JsonValueKind.True) is not null;

    private static JsonElement? Member(JsonElement element, string name, JsonValueKind kind) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : null;
}
