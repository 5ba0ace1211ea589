using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OpenTelemetry.Exporter;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Observability.Telemetry;

/// <summary>
/// Reports exports that a collector did not take: OpenTelemetry's exporters only write an event that nobody sees. Each is counted and
/// logged; a repeated line is written once a minute, as all warnings are, so that logging one to the failing collector does not add up.
/// </summary>
public sealed partial class ExportFailures
{
    private static readonly MetricAttribute Signal = new("signal", "`traces`, `metrics` or `logs`");

    private static readonly Meter Meter = new(DroppedLines.MeterName);

    private static readonly Counter<long> Failures = Meter
        .CreateCounter<long>("serving.telemetry.export.failures", "{export}", "Exports that the OpenTelemetry collector did not take")
        .With(Signal);

    private volatile ILogger _logger = NullLogger.Instance;

    /// <summary>Sets the logger; before, failures are only counted.</summary>
    public ExportFailures LogTo(ILogger logger)
    {
        _logger = logger;
        return this;
    }

    /// <summary>Watches what an exporter sends.</summary>
    /// <param name="exporter">The options of the exporter, complete.</param>
    /// <param name="signal">A name of <see cref="ExportSignal"/>.</param>
    /// <param name="key">The key of config-observability that has the endpoint.</param>
    internal void Watch(OtlpExporterOptions exporter, string signal, string key)
    {
        Failures.StartingAtZero(Signal.Of(signal));
        var endpoint = exporter.Endpoint.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        var create = exporter.HttpClientFactory;
        exporter.HttpClientFactory = () =>
            new HttpClient(new WatchedExport(create(), reason => Report(signal, key, endpoint, reason)))
            {
                // That of the client inside counts.
                Timeout = Timeout.InfiniteTimeSpan,
            };
    }

    private void Report(string signal, string key, string endpoint, string reason)
    {
        Failures.Add(1, Signal.Of(signal));
        LogFailure(_logger, key, endpoint, signal, reason);
    }

    [LoggerMessage(
        30,
        LogLevel.Warning,
        "{Key} {Endpoint} does not take {Signal}, which are lost: {Reason}. Check config-observability and the collector"
    )]
    private static partial void LogFailure(ILogger logger, string key, string endpoint, string signal, string reason);
}
