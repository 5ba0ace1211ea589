namespace Serving.Kubernetes;

/// <summary>
/// Lets whoever waits to ask an API server again that was away go on as soon as it answers any of them. Costs an answer nothing while
/// nobody waits.
/// </summary>
internal sealed class AnswerSignal
{
    private TaskCompletionSource? _next;

    /// <summary>Completes with the next answer.</summary>
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

    /// <summary>The server has answered.</summary>
    public void Answered()
    {
        if (Volatile.Read(ref _next) is not null)
        {
            Interlocked.Exchange(ref _next, null)?.TrySetResult();
        }
    }
}
