using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Serving.Tests.Support;

/// <summary>Records every log line, at every level, with its full exception.</summary>
internal sealed class RecordingLogs : ILoggerFactory
{
    private readonly ConcurrentQueue<string> _lines = new();

    /// <summary>The lines logged so far.</summary>
    public IReadOnlyList<string> Lines => [.. _lines];

    /// <summary>All lines logged so far.</summary>
    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => new Recorder(categoryName, _lines);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("this factory has one place to log to");

    public void Dispose()
    {
        // The records are read after the run.
    }

    private sealed class Recorder(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            lines.Enqueue($"{category} scope {state}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => lines.Enqueue($"{logLevel} {category} {formatter(state, exception)} {exception}");
    }
}
