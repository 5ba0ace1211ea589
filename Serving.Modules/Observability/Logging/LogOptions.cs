using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>How to log.</summary>
public sealed record LogOptions
{
    /// <summary>How lines look.</summary>
    public LogFormat Format { get; init; } = LogFormat.Json;

    /// <summary>The least level of components that <see cref="Levels"/> does not name.</summary>
    public LogLevel Level { get; init; } = LogLevel.Information;

    /// <summary>The least level by component, as <c>autoscaler</c>.</summary>
    public IReadOnlyDictionary<string, LogLevel> Levels { get; init; } = new Dictionary<string, LogLevel>();

    /// <summary>The least level of libraries that are not ours, whatever the rest says.</summary>
    public LogLevel LibraryLevel { get; init; } = LogLevel.Warning;

    /// <summary>Fields to add to every line, as the key of the Revision.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();

    /// <summary>Where lines go; standard error when null.</summary>
    public Stream? Output { get; init; }

    /// <summary>Lines that may wait to be written; when there are more, the newest are dropped and counted.</summary>
    public int MaxQueuedLines { get; init; } = 16384;
}
