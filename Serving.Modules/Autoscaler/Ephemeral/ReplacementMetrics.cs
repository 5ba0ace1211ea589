using System.Diagnostics.Metrics;
using Serving.Autoscaler.Collection;
using Serving.Instruments;

namespace Serving.Autoscaler.Ephemeral;

/// <summary>The replacements of ephemeral pods.</summary>
internal static class ReplacementMetrics
{
    private static readonly MetricAttribute Reason = new(
        "reason",
        "`served`: the pod has served its number of requests; `restarted`: its queue-proxy has, and lost the count; `unready`: it stopped being ready and does not respond"
    );

    private static readonly Meter Meter = new(ScrapeMetrics.MeterName);

    private static readonly Counter<long> Pods = Meter
        .CreateCounter<long>(
            "serving.autoscaler.pods.replaced",
            "{pod}",
            "Pods of revisions with max-requests-per-pod that were deleted so that new ones take their place, by reason"
        )
        .With(Reason)
        .StartingAtZero(Reason, EphemeralPod.Served, EphemeralPod.Restarted, EphemeralPod.Unready);

    private static readonly Counter<long> Failures = Meter
        .CreateCounter<long>("serving.autoscaler.pods.replace_failures", "{pod}", "Deletions of such pods that the API server rejected")
        .StartingAtZero();

    /// <summary>A pod was deleted.</summary>
    public static void Replaced(string reason) => Pods.Add(1, Reason.Of(reason));

    /// <summary>A pod could not be deleted.</summary>
    public static void Failed() => Failures.Add(1);
}
