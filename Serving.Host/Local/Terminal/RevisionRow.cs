namespace Serving.Host.Local.Terminal;

/// <summary>One revision in the view.</summary>
/// <param name="Service">Namespace and name of its Service, or of its Configuration when it has none.</param>
/// <param name="Url">The Service's URL; empty until it has one.</param>
/// <param name="ServiceReady">The Service's state in one word or, when it is not ready, its reason.</param>
/// <param name="Revision">The revision's name; empty for a Service without a revision.</param>
/// <param name="Percent">Its share of the traffic; null for none.</param>
/// <param name="ReadyPods">Number of ready pods.</param>
/// <param name="Pods">Number of pods that are not terminating.</param>
/// <param name="WantedPods">Number of pods that the autoscaler wants; null while unknown.</param>
/// <param name="Requests">Requests so far.</param>
/// <param name="IsFailing">Whether the Service's Ready is False: it does not become ready on its own.</param>
internal sealed record RevisionRow(
    string Service,
    string Url,
    string ServiceReady,
    string Revision,
    long? Percent,
    int ReadyPods,
    int Pods,
    int? WantedPods,
    long Requests,
    bool IsFailing
);
