namespace Serving.StatusPages.Models;

/// <summary>A revision of a Service.</summary>
/// <param name="Name">The name.</param>
/// <param name="State">What its state means.</param>
/// <param name="Status">Its state in a word.</param>
/// <param name="Why">Why it is not ready; empty when it is.</param>
/// <param name="Generation">The generation of the Configuration; empty while unknown.</param>
/// <param name="Percent">Its share of the traffic; null for none.</param>
/// <param name="ReadyPods">Number of ready pods.</param>
/// <param name="WantedPods">Number of pods that the autoscaler wants; null while unknown.</param>
/// <param name="Created">When it was created.</param>
public sealed record RevisionRow(
    string Name,
    StateKind State,
    string Status,
    string Why,
    string Generation,
    long? Percent,
    int ReadyPods,
    int? WantedPods,
    DateTimeOffset? Created
);
