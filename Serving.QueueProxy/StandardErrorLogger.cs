using System.Globalization;
using Microsoft.Extensions.Logging;
using Serving.Observability.Logging;

namespace Serving.QueueProxy;

/// <summary>Writes log messages as JSON lines to standard error; a console logger with its queue thread would cost the sidecar more than
/// all its logging.</summary>
internal sealed class StandardErrorLogger(LogLevel level, string revision, string pod, TimeProvider time) : ILoggerFactory
{
    private readonly Lock _lock = new();
    private readonly RepeatLimiter _limiter = new(time);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The sidecar logs to standard error only.");

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose() { }

    private void Write(LogLevel messageLevel, string category, string message, Exception? exception, int repeated)
    {
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"severity":"{{messageLevel}}","timestamp":"{{time.GetUtcNow():O}}","logger":"queueproxy","category":"{{category}}","message":{{Quote(message)}},"knative.dev/key":{{Quote(revision)}},"knative.dev/pod":{{Quote(pod)}}{{(repeated == 0 ? "" : $",\"repeated\":{repeated}")}}{{(exception is null ? "" : ",\"error\":" + Quote(exception.ToString()))}}}"""
        );
        lock (_lock)
            Console.Error.WriteLine(line);
    }

    private static string Quote(string text) => $"\"{System.Text.Json.JsonEncodedText.Encode(text)}\"";

    private sealed class Category(StandardErrorLogger output, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= output.Level && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel) && output._limiter.TryPass(name, logLevel, state, exception, out var repeated))
                output.Write(logLevel, name, formatter(state, exception), exception, repeated);
        }
    }

    private LogLevel Level => level;
}
