using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Controller.ImagePulls;

/// <summary>The pulls of images ahead of need.</summary>
internal static class ImagePullMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Controller";

    private static readonly MetricAttribute Outcome = new("outcome", "`pulled` or `failed`");

    private static readonly Counter<long> Pulls = new Meter(MeterName)
        .CreateCounter<long>("serving.controller.image.pulls", "{pull}", "Images that were pulled on a node ahead of need, by outcome")
        .With(Outcome)
        .StartingAtZero(Outcome, "pulled", "failed");

    /// <summary>A pull has ended.</summary>
    public static void Ended(PullState state) => Pulls.Add(1, Outcome.Of(state == PullState.Pulled ? "pulled" : "failed"));
}
