namespace Serving.Kubernetes.Client;

/// <summary>
/// Wakes callers that wait to retry as soon as an unreachable API server responds to any caller. A response costs nothing while nobody
/// waits.
/// </summary>
internal sealed class ResponseSignal
{
    private TaskCompletionSource? _next;

    /// <summary>Completes with the next response.</summary>
    public Task Next
    {
        get
        {
            if (Volatile.Read(ref _next) is { } waiting)
            {
                return waiting.Task;
            }

            var fresh = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return (Interlocked.CompareExchange(ref _next, fresh, null) ?? fresh).Task;
        }
    }

    /// <summary>The server has responded.</summary>
    public void Set()
    {
        if (Volatile.Read(ref _next) is not null)
        {
            Interlocked.Exchange(ref _next, null)?.TrySetResult();
        }
    }
}
