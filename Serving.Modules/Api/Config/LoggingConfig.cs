using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-logging: log levels by component.</summary>
public sealed record LoggingConfig
{
    /// <summary>The defaults.</summary>
    public static LoggingConfig Default { get; } = new();

    /// <summary>The <c>level</c> in <c>zap-logger-config</c>; the default is <c>info</c>.</summary>
    public string Level { get; init; } = "info";

    /// <summary><c>zap-logger-config</c> as written, passed to the queue-proxy.</summary>
    public string ZapLoggerConfig { get; init; } = "";

    /// <summary>Component → level, from <c>loglevel.COMPONENT</c>: debug, info, warn, error, dpanic, panic or fatal.</summary>
    public IReadOnlyDictionary<string, string> LogLevels { get; init; } = Empty.Map;

    /// <summary>The level of a component, otherwise <see cref="Level"/>.</summary>
    public string LevelOf(string component) => LogLevels.TryGetValue(component, out var level) ? level : Level;
}
