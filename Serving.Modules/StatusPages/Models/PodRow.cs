namespace Serving.StatusPages.Models;

/// <summary>A pod of a revision.</summary>
/// <param name="Name">The name.</param>
/// <param name="Revision">The revision.</param>
/// <param name="State">What its state means.</param>
/// <param name="Status">Its state in a word, such as <c>Running</c> or <c>Terminating</c>.</param>
/// <param name="Why">What it waits for, or why it failed; empty when it is ready.</param>
/// <param name="ReadyContainers">Number of ready containers.</param>
/// <param name="Containers">Number of containers.</param>
/// <param name="Restarts">Restarts of all containers.</param>
/// <param name="Address">The IP address; empty until it has one.</param>
/// <param name="Created">When it was created.</param>
public sealed record PodRow(
    string Name,
    string Revision,
    StateKind State,
    string Status,
    string Why,
    int ReadyContainers,
    int Containers,
    int Restarts,
    string Address,
    DateTimeOffset? Created
);
