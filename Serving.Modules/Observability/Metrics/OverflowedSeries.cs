using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Observability.Metrics;

/// <summary>Reports instruments that have more sets of attributes than are kept apart, as <c>serving.metrics.overflowed</c>.</summary>
internal static partial class OverflowedSeries
{
    private static readonly MetricAttribute Name = new("instrument", "the instrument");

    private static readonly Meter Meter = new(DroppedLines.MeterName);

    private static readonly Counter<long> Overflowed = Meter
        .CreateCounter<long>(
            "serving.metrics.overflowed",
            "{recording}",
            "Recordings that have no series of their own because their instrument has the most that are kept"
        )
        .With(Name);

    /// <summary>A recording is aggregated with others, or dropped.</summary>
    public static void Count(string instrument) => Overflowed.Add(1, Name.Of(instrument));

    [LoggerMessage(
        30,
        LogLevel.Warning,
        "Metric {Instrument} has {Series} series, the most that are kept; further ones are aggregated with the label "
            + "otel_metric_overflow, or dropped if it is a gauge"
    )]
    public static partial void Log(ILogger logger, string instrument, int series);
}
