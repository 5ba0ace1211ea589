namespace Serving.Kubernetes.Queue;

/// <summary>The state of a work queue at one moment, for display.</summary>
/// <param name="Name">The name, as in metrics.</param>
/// <param name="Depth">Keys that are ready to be taken.</param>
/// <param name="Processing">Keys that workers process now.</param>
/// <param name="Delayed">Keys that wait for a time: a retry, or a requested later look.</param>
/// <param name="Retries">Retries since the queue was opened.</param>
/// <param name="OldestWaiting">How long the oldest ready key has waited; null when none does.</param>
/// <param name="LongestRunning">The key that has been processed for longest; null when none is.</param>
/// <param name="LongestRunningFor">How long it has been processed; null when none is.</param>
/// <param name="Failing">Number of keys whose last attempt failed.</param>
/// <param name="MostFailures">Those with the most failures in a row, at most <see cref="MostListed"/>.</param>
public sealed record WorkQueueState(
    string Name,
    int Depth,
    int Processing,
    int Delayed,
    long Retries,
    TimeSpan? OldestWaiting,
    string? LongestRunning,
    TimeSpan? LongestRunningFor,
    int Failing,
    IReadOnlyList<FailingKey> MostFailures
)
{
    /// <summary>The most failing keys that are listed.</summary>
    public const int MostListed = 10;
}
