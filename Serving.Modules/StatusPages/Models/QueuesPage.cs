using Serving.Kubernetes.Queue;

namespace Serving.StatusPages.Models;

/// <summary>The work queues of the reconcilers that run in this process.</summary>
public sealed record QueuesPage : StatusPage
{
    /// <summary>The queues.</summary>
    public required IReadOnlyList<WorkQueueState> Queues { get; init; }
}
