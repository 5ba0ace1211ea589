using System.Text.Json;

namespace Serving.QueueProxy;

/// <summary>What of <c>config-observability</c> concerns the sidecar (<c>OBSERVABILITY_CONFIG</c>).</summary>
internal sealed record ObservabilityConfig
{
    /// <summary>How request metrics leave the pod: <c>none</c>, <c>prometheus</c>, <c>grpc</c> or <c>http/protobuf</c>.</summary>
    public string RequestMetricsProtocol { get; init; } = "none";

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
            return new ObservabilityConfig
            {
                RequestMetricsProtocol = root.TryGetProperty("requestMetrics", out var metrics) && Text(metrics, "protocol") is { Length: > 0 } protocol ? protocol : "none",
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

    private static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static bool Flag(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
}
