using System.Text.Json;

namespace Serving.QueueProxy;

/// <summary>What of <c>config-observability</c> concerns the sidecar (<c>OBSERVABILITY_CONFIG</c>).</summary>
internal sealed record ObservabilityConfig
{
    /// <summary>How request metrics leave the pod: <c>none</c>, <c>prometheus</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string RequestMetricsProtocol { get; init; } = "none";

    /// <summary>Where request metrics are sent; for <c>prometheus</c> where they are served, as <c>host:port</c>, or empty.</summary>
    public string RequestMetricsEndpoint { get; init; } = "";

    /// <summary>How often request metrics are sent; zero for OpenTelemetry's default.</summary>
    public TimeSpan RequestMetricsExportInterval { get; init; }

    /// <summary>How traces are sent: <c>none</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string TracingProtocol { get; init; } = "none";

    /// <summary>Where traces are sent.</summary>
    public string TracingEndpoint { get; init; } = "";

    /// <summary>The part of traces begun here that is sent, 0 to 1.</summary>
    public double TracingSamplingRate { get; init; }

    /// <summary>The template of a line of the request log; empty for no log.</summary>
    public string RequestLogTemplate { get; init; } = "";

    /// <summary>Whether requests are logged.</summary>
    public bool EnableRequestLog { get; init; }

    /// <summary>Whether probes are logged too.</summary>
    public bool EnableProbeRequestLog { get; init; }

    /// <summary>Reads the JSON that the controller writes; keys it does not know are left alone.</summary>
    /// <exception cref="FormatException">It is not JSON.</exception>
    public static ObservabilityConfig Parse(string json)
    {
        if (string.IsNullOrWhiteSpace(json)) return new ObservabilityConfig();
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var (metrics, tracing) = (Object(root, "requestMetrics"), Object(root, "tracing"));
            return new ObservabilityConfig
            {
                RequestMetricsProtocol = Text(metrics, "protocol") is { Length: > 0 } metricsProtocol ? metricsProtocol : "none",
                RequestMetricsEndpoint = Text(metrics, "endpoint"),

                // Go writes durations in nanoseconds.
                RequestMetricsExportInterval = TimeSpan.FromTicks((long)(Number(metrics, "exportInterval") / TimeSpan.NanosecondsPerTick)),
                TracingProtocol = Text(tracing, "protocol") is { Length: > 0 } tracingProtocol ? tracingProtocol : "none",
                TracingEndpoint = Text(tracing, "endpoint"),
                TracingSamplingRate = Number(tracing, "samplingRate"),
                RequestLogTemplate = Text(root, "requestLogTemplate"),
                EnableRequestLog = Flag(root, "enableRequestLog"),
                EnableProbeRequestLog = Flag(root, "enableProbeRequestLog"),
            };
        }
        catch (JsonException exception)
        {
            throw new FormatException($"The environment's OBSERVABILITY_CONFIG is no JSON: {exception.Message}", exception);
        }
    }

    private static JsonElement Object(JsonElement element, string name) => Member(element, name, JsonValueKind.Object) ?? default;

    private static string Text(JsonElement element, string name) => Member(element, name, JsonValueKind.String)?.GetString() ?? "";

    private static double Number(JsonElement element, string name) => Member(element, name, JsonValueKind.Number)?.GetDouble() ?? 0;

    private static bool Flag(JsonElement element, string name) => Member(element, name, JsonValueKind.True) is not null;

    private static JsonElement? Member(JsonElement element, string name, JsonValueKind kind) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : null;
}
