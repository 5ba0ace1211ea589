using Microsoft.Extensions.Logging;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Kestrel's loggers without the failures of request handlers, which <see cref="RequestLoop"/> logs with more context.
/// </summary>
internal sealed class ServerLoggers(ILoggerFactory inner) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Quieter(inner.CreateLogger(categoryName));

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The caller owns the loggers.
    }

    private sealed class Quieter(ILogger logger) : ILogger
    {
        private const string HandlerFailed = "ApplicationError";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => logger.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (eventId.Name != HandlerFailed)
                logger.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
