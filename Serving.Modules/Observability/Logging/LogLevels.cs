using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>Names of levels, as in zap and config-logging.</summary>
public static class LogLevels
{
    /// <summary>Parses the name of a level (<c>debug</c>, <c>info</c>, <c>warn</c>, <c>error</c>, <c>dpanic</c>, <c>panic</c>,
    /// <c>fatal</c>); null if unknown.</summary>
    public static LogLevel? Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToLowerInvariant() switch
        {
            "trace" => LogLevel.Trace,
            "debug" => LogLevel.Debug,
            "info" => LogLevel.Information,
            "warn" or "warning" => LogLevel.Warning,
            "error" => LogLevel.Error,
            "dpanic" or "panic" or "fatal" => LogLevel.Critical,
            _ => null,
        };
    }

    /// <summary>The <c>severity</c> of a line of JSON: what the loggers of Knative's components print by default, which are the names of
    /// Google's Cloud Logging.</summary>
    public static string Severity(LogLevel level) =>
        level switch
        {
            LogLevel.Warning => "WARNING",
            LogLevel.Critical => "EMERGENCY",
            _ => Name(level),
        };

    /// <summary>The name of a level in a line of plain text.</summary>
    public static string Name(LogLevel level) =>
        level switch
        {
            LogLevel.Trace or LogLevel.Debug => "DEBUG",
            LogLevel.Information => "INFO",
            LogLevel.Warning => "WARN",
            LogLevel.Error => "ERROR",
            _ => "FATAL",
        };
}
