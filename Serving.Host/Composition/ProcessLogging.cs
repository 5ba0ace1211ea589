using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Concurrency;
using Serving.Observability.Logging;

namespace Serving.Host.Composition;

/// <summary>The log of the process: one stream whose levels follow config-logging. Dispose flushes queued entries.</summary>
internal sealed class ProcessLogging : IDisposable
{
    private readonly StructuredLoggerProvider _provider;
    private readonly IDisposable _failures;

    public ProcessLogging(LogOptions options)
    {
        _provider = new StructuredLoggerProvider(options);

        // The provider decides levels: the factory must pass everything that may be enabled later. Probe failures are in the response, and
        // failed starts are reported by the session; the libraries would log both a second time as errors.
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

    /// <summary>Creates all loggers.</summary>
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

    /// <summary>Whether lines are exported.</summary>
    public bool IsExported => _provider.IsExported;

    /// <summary>Exports all lines too; null to end that. The caller disposes the provider.</summary>
    public void ExportTo(ILoggerProvider? provider) => _provider.ExportTo(provider);

    public void Dispose()
    {
        _failures.Dispose();
        Factory.Dispose();
        _provider.Dispose();
    }
}
