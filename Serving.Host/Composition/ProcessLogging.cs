using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Concurrency;
using Serving.Observability.Logging;

namespace Serving.Host.Composition;

/// <summary>The log of the process: one stream, whose levels follow config-logging while it is written. Dispose it to write what is
/// queued.</summary>
internal sealed class ProcessLogging : IDisposable
{
    private readonly StructuredLoggerProvider _provider;
    private readonly IDisposable _failures;

    public ProcessLogging(LogOptions options)
    {
        _provider = new StructuredLoggerProvider(options);

        // Levels are the provider's alone: the factory must let pass what it may be told to write later. What a probe finds is in its
        // response, and what ends a start is reported by the session; the libraries would log both again, as errors.
        Factory = LoggerFactory.Create(logging =>
            logging
                .SetMinimumLevel(LogLevel.Trace)
                .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None)
                .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None)
                .AddProvider(_provider)
        );
        var logger = Factory.CreateLogger("Serving.Background");
        _failures = BackgroundFailure.Listen((what, failure) => logger.LogError(failure, "{What} failed", what));
        BackgroundFailure.ObserveTasks();
    }

    /// <summary>Makes the loggers of every part.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>Changes the levels of all loggers at once.</summary>
    public void Apply(LoggingConfig config) =>
        _provider.SetLevels(
            LogLevels.Parse(config.Level) ?? LogLevel.Information,
            config.LogLevels.ToDictionary(
                static entry => entry.Key,
                static entry => LogLevels.Parse(entry.Value) ?? LogLevel.Information,
                StringComparer.Ordinal
            )
        );

    public void Dispose()
    {
        _failures.Dispose();
        Factory.Dispose();
        _provider.Dispose();
    }
}
