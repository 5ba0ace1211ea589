using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-logging: log levels by component.</summary>
public sealed record LoggingConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static LoggingConfig Default { get; } = new();

    /// <summary>The <c>level</c> within <c>zap-logger-config</c>, by default <c>info</c>.</summary>
    public string Level { get; init; } = "info";

    /// <summary><c>zap-logger-config</c> as written; the queue-proxy is given it.</summary>
    public string ZapLoggerConfig { get; init; } = "";

    /// <summary>Component → level, from <c>loglevel.COMPONENT</c>: debug, info, warn, error, dpanic, panic or fatal.</summary>
    public IReadOnlyDictionary<string, string> LogLevels { get; init; } = Empty.Map;

    /// <summary>The level of a component, else <see cref="Level"/>.</summary>
    public string LevelOf(string component) => LogLevels.TryGetValue(component, out var level) ? level : Level;
}
