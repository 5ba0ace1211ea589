using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>
/// Logs to one stream, one line per event, as JSON or plain text. Logging never waits for the stream: lines are queued, within a bound.
/// Levels are per component and can be changed at run time; the same warning or error is written once a minute. Dispose flushes queued
/// lines.
/// </summary>
public sealed class StructuredLoggerProvider : ILoggerProvider, ISupportExternalScope
{
    private readonly ConcurrentDictionary<string, StructuredLogger> _loggers = new(StringComparer.Ordinal);
    private readonly LogOptions _options;
    private readonly TimeProvider _time;
    private readonly LineWriter _writer;
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();
    private LevelTable _levels;
    private volatile ILoggerProvider? _export;

    /// <param name="options">The options.</param>
    /// <param name="time">The clock of timestamps.</param>
    public StructuredLoggerProvider(LogOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _time = time ?? TimeProvider.System;
        Limiter = new RepeatLimiter(_time);
        _levels = new LevelTable(options.Level, options.Levels, options.LibraryLevel);
        DroppedLogLines.Open();
        _writer = new LineWriter(options.Output ?? Console.OpenStandardError(), options.MaxQueuedLines, DroppedLogLines.Count);
    }

    /// <summary>Lines that were dropped because the stream did not keep up.</summary>
    public long DroppedLines => _writer.Dropped;

    /// <summary>Whether lines are passed to another provider too.</summary>
    public bool IsExported => _export is not null;

    internal LogOptions Options => _options;

    internal TimeProvider Time => _time;

    internal LineWriter Writer => _writer;

    internal RepeatLimiter Limiter { get; }

    /// <summary>Gets every line too; null for none.</summary>
    internal ILoggerProvider? Export => _export;

    internal IExternalScopeProvider Scopes => _scopes;

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        _loggers.GetOrAdd(categoryName, static (name, self) => new StructuredLogger(name, ComponentOf(name), self), this);

    /// <summary>Changes the levels of all existing and future loggers.</summary>
    /// <param name="level">The minimum level of components not in <paramref name="byComponent"/>.</param>
    /// <param name="byComponent">The minimum level by component.</param>
    public void SetLevels(LogLevel level, IReadOnlyDictionary<string, LogLevel> byComponent)
    {
        ArgumentNullException.ThrowIfNull(byComponent);
        Volatile.Write(ref _levels, new LevelTable(level, byComponent, _options.LibraryLevel));
    }

    /// <summary>Passes every line that is written to another provider too, with the same scopes; null to end that. The caller disposes
    /// it.</summary>
    public void ExportTo(ILoggerProvider? provider)
    {
        (provider as ISupportExternalScope)?.SetScopeProvider(_scopes);
        _export = provider;
    }

    /// <inheritdoc/>
    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    /// <summary>The component of a category: for our own, the module (<c>Serving.Networking.Gateway.X</c> belongs to <c>gateway</c>), else
    /// empty.</summary>
    internal static string ComponentOf(string category)
    {
        var parts = category.Split('.');
        if (parts is not ["Serving", var module, ..])
        {
            return "";
        }

        return (module == "Networking" && parts.Length > 3 ? parts[2] : module).ToLowerInvariant();
    }

    internal bool IsEnabled(string component, LogLevel level) =>
        level != LogLevel.None && level >= Volatile.Read(ref _levels).Of(component);

    private sealed class LevelTable(LogLevel fallback, IReadOnlyDictionary<string, LogLevel> byComponent, LogLevel libraries)
    {
        public LogLevel Of(string component) =>
            component.Length == 0 ? (libraries > fallback ? libraries : fallback)
            : byComponent.TryGetValue(component, out var level) ? level
            : fallback;
    }
}
