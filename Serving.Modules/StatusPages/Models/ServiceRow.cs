namespace Serving.StatusPages.Models;

/// <summary>A Service in the overview.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Name">The name.</param>
/// <param name="Url">The URL; empty until it has one.</param>
/// <param name="State">What its state means.</param>
/// <param name="Status">Its state in a word.</param>
/// <param name="Reason">The reason why it is not ready; empty when it is.</param>
/// <param name="Message">The message about it; empty when it is ready.</param>
/// <param name="LatestRevision">The revision that was created last; empty for none.</param>
/// <param name="LatestReadyRevision">The latest ready revision; empty for none.</param>
/// <param name="Traffic">The targets that get traffic, at most <see cref="MostTargets"/>.</param>
/// <param name="ReadyPods">Number of ready pods.</param>
/// <param name="Pods">Number of pods.</param>
public sealed record ServiceRow(
    string Namespace,
    string Name,
    string Url,
    StateKind State,
    string Status,
    string Reason,
    string Message,
    string LatestRevision,
    string LatestReadyRevision,
    IReadOnlyList<TrafficRow> Traffic,
    int ReadyPods,
    int Pods
)
{
    /// <summary>The most targets of a Service in the overview.</summary>
    public const int MostTargets = 5;
}
