using Serving.Concurrency;

namespace Serving.QueueProxy;

/// <summary>
/// Detects when the pod is drained: no request is in flight and none has arrived during the quiet period, which gives load balancers time
/// to remove the pod. Upgraded requests (WebSocket) are not waited for: only the user's program can close them gracefully, and it receives
/// SIGTERM only after the drain.
/// </summary>
/// <param name="quietPeriod">How long no request must have arrived.</param>
/// <param name="time">The clock.</param>
/// <param name="budget">The requests that the pod may still serve; when none is left there is no quiet period, because it takes no
/// more.</param>
internal sealed class Drainer(TimeSpan quietPeriod, TimeProvider time, RequestBudget? budget = null)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private TaskCompletionSource? _drained;
    private long _lastRequest;
    private int _inFlight;

    /// <summary>Whether the pod is draining, so that probes fail.</summary>
    public bool Draining => Volatile.Read(ref _drained) is not null;

    /// <summary>Requests in flight, excluding upgraded ones.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    public void Begin()
    {
        Interlocked.Increment(ref _inFlight);
        Touch();
    }

    /// <summary>A request in flight is upgraded; from then on it is not waited for.</summary>
    public void Upgrade() => Interlocked.Decrement(ref _inFlight);

    /// <summary>A request in flight ends.</summary>
    /// <param name="upgraded">Whether <see cref="Upgrade"/> was called for it.</param>
    public void End(bool upgraded)
    {
        if (upgraded)
            return;
        Touch();
        Interlocked.Decrement(ref _inFlight);
    }

    /// <summary>Starts a drain or joins the current one; completes when the pod is drained or the drain is reverted.</summary>
    public Task DrainAsync()
    {
        lock (_lock)
        {
            if (_drained is { } running)
                return running.Task;
            var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _lastRequest, time.GetTimestamp());
            Volatile.Write(ref _drained, drained);
            BackgroundFailure.Watch("Waiting for a drain", WatchAsync(drained));
            return drained.Task;
        }
    }

    /// <summary>Reverts a drain: its waiters complete, and probes succeed again.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _drained?.TrySetResult();
            Volatile.Write(ref _drained, null);
        }
    }

    private void Touch()
    {
        if (Draining)
            Volatile.Write(ref _lastRequest, time.GetTimestamp());
    }

    private async Task WatchAsync(TaskCompletionSource drained)
    {
        while (InFlight > 0 || (budget is not { IsSpent: true } && time.GetElapsedTime(Volatile.Read(ref _lastRequest)) < quietPeriod))
        {
            await Task.Delay(Step, time);

            // The drain was reverted.
            if (drained.Task.IsCompleted)
                return;
        }

        drained.TrySetResult();
    }
}
