using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Serving.Observability.Metrics;

/// <summary>How a <see cref="PrometheusExporter"/> collects.</summary>
public sealed record PrometheusOptions
{
    /// <summary>The clock of exemplars, and of what happens at most once in a while.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// Maximum number of series of a counter, a histogram or a gauge that is not observed; further ones are aggregated. A series of a
    /// histogram takes about 1.5 KiB.
    /// </summary>
    public int MaxSeries { get; init; } = 2000;

    /// <summary>Makes a stream that compresses with gzip into another one, which it leaves open; null to serve plain text only. A function,
    /// so that a program without it does not contain the code.</summary>
    public Func<Stream, Stream>? Gzip { get; init; }

    /// <summary>Logs what cannot be collected.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;
}
