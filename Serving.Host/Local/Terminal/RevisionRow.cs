namespace Serving.Host.Local.Terminal;

/// <summary>What the view shows of one revision.</summary>
/// <param name="Service">Namespace and name of its Service, or of its Configuration when it has none.</param>
/// <param name="Url">The Service's address; empty while there is none.</param>
/// <param name="ServiceReady">The Service's state in one word or, when it is not ready, its reason.</param>
/// <param name="Revision">The revision's name; empty for a Service that has none yet.</param>
/// <param name="Percent">Its share of the traffic; null for none.</param>
/// <param name="ReadyPods">Pods that take requests.</param>
/// <param name="Pods">Pods there are, terminating ones left out.</param>
/// <param name="WantedPods">Pods the autoscaler wants; null while unknown.</param>
/// <param name="Requests">Requests so far.</param>
/// <param name="IsFailing">Whether the Service's Ready is False: it will not become ready on its own.</param>
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
