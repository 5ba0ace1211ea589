using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Serving.Observability.Logging;

namespace Serving.QueueProxy;

/// <summary>Writes log messages as JSON lines to standard error, with the field names of Knative's components; a console logger with its
/// queue thread would cost the sidecar more than all its logging.</summary>
/// <param name="level">The lowest level that is logged.</param>
/// <param name="revision">Namespace and name of the revision.</param>
/// <param name="pod">The name of the pod.</param>
/// <param name="time">The clock.</param>
/// <param name="export">Gets the same messages; disposed with this. Null when they are not exported.</param>
internal sealed class StandardErrorLogger(LogLevel level, string revision, string pod, TimeProvider time, ILoggerFactory? export = null)
    : ILoggerFactory
{
    private readonly Lock _lock = new();
    private readonly RepeatLimiter _limiter = new(time);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The sidecar logs to standard error only.");

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName, export?.CreateLogger(categoryName));

    public void Dispose() => export?.Dispose();

    private void Write(LogLevel messageLevel, string category, string message, Exception? exception, int repeated)
    {
        var trace = Activity.Current is { Recorded: true, IsStopped: false } span ? $",\"knative.dev/traceid\":\"{span.TraceId}\"" : "";
        var again = repeated == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"repeated\":{repeated}");
        var failure = exception is null ? "" : $",\"error\":{Quote(exception.Message)},\"stacktrace\":{Quote(exception.ToString())}";
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"severity":"{{LogLevels.Severity(messageLevel)}}","timestamp":"{{time.GetUtcNow().UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}}","logger":"queueproxy","caller":"{{category}}","message":{{Quote(message)}},"knative.dev/key":{{Quote(revision)}},"knative.dev/pod":{{Quote(pod)}}{{trace}}{{again}}{{failure}}}"""
        );
        lock (_lock)
            Console.Error.WriteLine(line);
    }

    private static string Quote(string text) => $"\"{System.Text.Json.JsonEncodedText.Encode(text)}\"";

    private sealed class Category(StandardErrorLogger output, string name, ILogger? export) : ILogger
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
            if (!IsEnabled(logLevel) || !output._limiter.TryPass(name, logLevel, state, exception, out var repeated))
                return;
            output.Write(logLevel, name, formatter(state, exception), exception, repeated);
            export?.Log(logLevel, eventId, state, exception, formatter);
        }
    }

    private LogLevel Level => level;
}
