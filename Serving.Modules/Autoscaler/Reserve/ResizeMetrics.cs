using System.Diagnostics.Metrics;
using Serving.Autoscaler.Collection;
using Serving.Instruments;

namespace Serving.Autoscaler.Reserve;

/// <summary>The resizes of pods.</summary>
internal static class ResizeMetrics
{
    private static readonly MetricAttribute Direction = new("direction", "`park` or `wake`");

    private static readonly MetricAttribute Reason = new(
        "reason",
        "`NotSupported`, `ResizeRefused`, `Infeasible` or `Deferred`, as in the PodAutoscaler's condition Parked"
    );

    private static readonly Meter Meter = new(ScrapeMetrics.MeterName);

    private static readonly Histogram<double> Duration = Meter
        .CreateHistogram(
            "serving.autoscaler.resize.duration",
            "s",
            "The time from the request to resize a pod until its node had done it",
            null,
            SecondsBuckets.Short
        )
        .With(Direction);

    private static readonly Counter<long> Wakes = Meter
        .CreateCounter<long>("serving.autoscaler.wakes", "{wake}", "Revisions whose parked pods were given their full size")
        .StartingAtZero();

    private static readonly Counter<long> Refusals = Meter
        .CreateCounter<long>("serving.autoscaler.resize.refused", "{resize}", "Resizes that the cluster or a node refused, by reason")
        .With(Direction, Reason)
        .StartingAtZero(static () =>
            from wake in (bool[])[false, true]
            from reason in (string[])[Parking.NotSupported, Parking.ResizeRefused, Parking.Infeasible, Parking.Deferred]
            select (KeyValuePair<string, object?>[])[Direction.Of(Name(wake)), Reason.Of(reason)]
        );

    /// <summary>A node has done what was requested.</summary>
    public static void Granted(bool wake, TimeSpan took) => Duration.Record(took.TotalSeconds, Direction.Of(Name(wake)));

    /// <summary>The parked pods of a revision were woken.</summary>
    public static void Woken() => Wakes.Add(1);

    /// <summary>A resize was refused.</summary>
    public static void Refused(bool wake, string reason) => Refusals.Add(1, Direction.Of(Name(wake)), Reason.Of(reason));

    private static string Name(bool wake) => wake ? "wake" : "park";
}
