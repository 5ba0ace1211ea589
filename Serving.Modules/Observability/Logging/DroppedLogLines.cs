using System.Diagnostics.Metrics;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Observability.Logging;

/// <summary>Counts the lines of the process's log that were dropped because its output was too slow, as
/// <c>serving.log.dropped</c>.</summary>
internal static class DroppedLogLines
{
    private static readonly Meter Meter = new(DroppedLines.MeterName);

    private static readonly Counter<long> Dropped = Meter.CreateCounter<long>(
        "serving.log.dropped",
        "{line}",
        "Lines of the log that were dropped because its output was too slow"
    );

    /// <summary>A log is written in this process.</summary>
    public static void Open() => Dropped.StartingAtZero();

    /// <summary>A line was dropped.</summary>
    public static void Count() => Dropped.Add(1);
}
