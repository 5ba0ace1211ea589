namespace Serving.Observability.Telemetry;

/// <summary>
/// Where a signal is sent: what a key of config-observability means, as in Knative's components. The variables of OpenTelemetry override
/// the key, as there.
/// </summary>
internal static class CollectorEndpoint
{
    private const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>The address of the collector. The exporter of gRPC appends the path of its method.</summary>
    /// <param name="signal">A name of <see cref="ExportSignal"/>.</param>
    /// <param name="protocol">The protocol.</param>
    /// <param name="configured">The endpoint of the configuration.</param>
    /// <param name="variables">Reads an environment variable.</param>
    /// <exception cref="ArgumentException">The endpoint is not an absolute URI.</exception>
    public static Uri Of(string signal, string protocol, string configured, Func<string, string?> variables)
    {
        var own = variables($"OTEL_EXPORTER_OTLP_{signal.ToUpperInvariant()}_ENDPOINT") ?? "";
        var common = variables(Variable) ?? "";
        var text =
            own.Length > 0 ? own
            : common.Length > 0 ? common
            : configured;
        var uri = Parse(text);
        if (protocol == TelemetryOptions.Grpc)
            return new UriBuilder(uri) { Path = "" }.Uri;

        // A slash at the end of the configured endpoint is a path, and stays.
        var isBase = own.Length == 0 && (common.Length > 0 || (uri.AbsolutePath == "/" && !text.EndsWith('/')));
        return isBase ? new UriBuilder(uri) { Path = $"{uri.AbsolutePath.TrimEnd('/')}/v1/{signal}" }.Uri : uri;
    }

    /// <summary>Without a scheme it is HTTPS.</summary>
    private static Uri Parse(string text) =>
        Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text, UriKind.Absolute, out var uri)
            ? uri
            : throw new ArgumentException($"\"{text}\" is not a valid telemetry endpoint");
}
