namespace Serving.QueueProxy;

/// <summary>
/// The requests that this pod may still pass to its program. Invariant: no more requests than the number reach the program, however many
/// arrive at once. The number lives and dies with this process: the control plane replaces a pod whose sidecar has restarted.
/// </summary>
/// <param name="most">The number of requests; at least 1.</param>
internal sealed class RequestBudget(int most)
{
    private int _left = most;

    /// <summary>Whether no request is left, so that the pod is not ready for others.</summary>
    public bool IsSpent => Volatile.Read(ref _left) == 0;

    /// <summary>Takes one request; false when none is left.</summary>
    public bool TryTake()
    {
        var left = Volatile.Read(ref _left);
        while (left > 0)
        {
            var seen = Interlocked.CompareExchange(ref _left, left - 1, left);
            if (seen == left)
                return true;
            left = seen;
        }

        return false;
    }

    /// <summary>Gives back a request of which nothing reached the program.</summary>
    public void Return() => Interlocked.Increment(ref _left);
}
