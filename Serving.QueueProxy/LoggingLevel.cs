using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Serving.QueueProxy;

/// <summary>The minimum log level of the sidecar from config-logging: <c>loglevel.queueproxy</c>, else the level in
/// <c>zap-logger-config</c>.</summary>
internal static class LoggingLevel
{
    /// <summary>The level; <see cref="LogLevel.Information"/> if none is set or it is invalid.</summary>
    /// <param name="level">The sidecar's own level (<c>SERVING_LOGGING_LEVEL</c>); empty for none.</param>
    /// <param name="config">The zap configuration (<c>SERVING_LOGGING_CONFIG</c>) as JSON; empty for none.</param>
    public static LogLevel Of(string? level, string? config) => Parse(level) ?? Parse(LevelIn(config)) ?? LogLevel.Information;

    private static LogLevel? Parse(string? level) =>
        level?.ToLowerInvariant() switch
        {
            "debug" => LogLevel.Debug,
            "info" => LogLevel.Information,
            "warn" or "warning" => LogLevel.Warning,
            "error" or "dpanic" or "panic" or "fatal" => LogLevel.Error,
            _ => null,
        };

    private static string? LevelIn(string? config)
    {
        if (string.IsNullOrWhiteSpace(config))
            return null;
        try
        {
            using var document = JsonDocument.Parse(config);
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("level", out var level)
                && level.ValueKind == JsonValueKind.String
                ? level.GetString()
                : null;
        }
        catch (JsonException)
        {
            // The webhook rejects such a configuration; a pod must not fail because of it.
            return null;
        }
    }
}
