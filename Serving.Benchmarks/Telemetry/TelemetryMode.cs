namespace Serving.Benchmarks.Telemetry;

/// <summary>A setting of config-observability that is measured.</summary>
/// <param name="Name">Its name in the report.</param>
/// <param name="SidecarMark">Part of the sidecar's configuration with this setting; empty for the default.</param>
/// <param name="Data">The keys, for a collector and a port of metrics.</param>
internal sealed record TelemetryMode(string Name, string SidecarMark, Func<Uri, int, IReadOnlyDictionary<string, string>> Data)
{
    /// <summary>All modes; the first is the baseline.</summary>
    public static IReadOnlyList<TelemetryMode> All { get; } =
    [
        new("off", "", static (_, _) => new Dictionary<string, string>()),
        new(
            "metrics",
            "\"requestMetrics\":{\"protocol\":\"prometheus\"",
            static (_, port) =>
                new Dictionary<string, string>
                {
                    ["metrics-protocol"] = "prometheus",
                    ["metrics-endpoint"] = $"127.0.0.1:{port}",
                    ["request-metrics-protocol"] = "prometheus",
                }
        ),
        new("traces 1 %", "\"samplingRate\":0.01}", static (collector, _) => Traces(collector, "0.01")),
        new("traces 100 %", "\"samplingRate\":1}", static (collector, _) => Traces(collector, "1")),
    ];

    /// <summary>Whether a sidecar with this configuration has this setting.</summary>
    public bool IsOf(string sidecarConfiguration) =>
        SidecarMark.Length > 0
            ? sidecarConfiguration.Contains(SidecarMark, StringComparison.Ordinal)
            : !All.Skip(1).Any(other => other.IsOf(sidecarConfiguration));

    private static Dictionary<string, string> Traces(Uri collector, string rate) =>
        new()
        {
            ["tracing-protocol"] = "http/protobuf",
            ["tracing-endpoint"] = new Uri(collector, "/v1/traces").AbsoluteUri,
            ["tracing-sampling-rate"] = rate,
        };
}
