using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Observability.Requests;

/// <summary>Counts the lines of request logs that were dropped because the output was too slow, as <c>serving.request_log.dropped</c> by
/// <c>log</c>.</summary>
public static class DroppedLines
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Observability";

    private static readonly MetricAttribute Log = new("log", "`gateway`, `activator` or `queue-proxy`");

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> Dropped = Meter
        .CreateCounter<long>(
            "serving.request_log.dropped",
            "{line}",
            "Lines of the request log that were dropped because its output was too slow"
        )
        .With(Log);

    /// <summary>A log of this name is written in this process.</summary>
    internal static void Open(string log) => Dropped.StartingAtZero(Log.Of(log));

    internal static void Count(string log) => Dropped.Add(1, Log.Of(log));
}
