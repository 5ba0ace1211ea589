using System.Diagnostics.Metrics;
using Serving.Autoscaler.Collection;
using Serving.Instruments;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>The writes before scale-downs.</summary>
internal static class ScaleDownMetrics
{
    private static readonly MetricAttribute Outcome = new(
        "outcome",
        "`written`; `failed`: rejected by the API server; `skipped`: beyond the most that one decision writes"
    );

    private static readonly Meter Meter = new(ScrapeMetrics.MeterName);

    private static readonly Counter<long> Costs = Meter
        .CreateCounter<long>(
            "serving.autoscaler.deletion_costs",
            "{write}",
            "Deletion costs of pods that a scale-down needed to spare the busy ones, by outcome"
        )
        .With(Outcome)
        .StartingAtZero(Outcome, "written", "failed", "skipped");

    /// <summary>The server took them.</summary>
    public static void Written(int count) => Add(count, "written");

    /// <summary>The server rejected them.</summary>
    public static void Failed(int count) => Add(count, "failed");

    /// <summary>They were more than one decision may write.</summary>
    public static void Skipped(int count) => Add(count, "skipped");

    private static void Add(int count, string outcome)
    {
        if (count > 0)
            Costs.Add(count, Outcome.Of(outcome));
    }
}
