using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>Options of logging.</summary>
public sealed record LogOptions
{
    /// <summary>The format of lines.</summary>
    public LogFormat Format { get; init; } = LogFormat.Json;

    /// <summary>The minimum level of components not in <see cref="Levels"/>.</summary>
    public LogLevel Level { get; init; } = LogLevel.Information;

    /// <summary>The minimum level by component, such as <c>autoscaler</c>.</summary>
    public IReadOnlyDictionary<string, LogLevel> Levels { get; init; } = new Dictionary<string, LogLevel>();

    /// <summary>The minimum level of third-party libraries; the other levels do not apply to them.</summary>
    public LogLevel LibraryLevel { get; init; } = LogLevel.Warning;

    /// <summary>Fields added to every line, such as the key of the Revision.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();

    /// <summary>The output; standard error when null.</summary>
    public Stream? Output { get; init; }

    /// <summary>Maximum number of queued lines; beyond it the newest are dropped and counted.</summary>
    public int MaxQueuedLines { get; init; } = 16384;
}
