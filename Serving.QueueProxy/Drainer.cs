using Serving.Concurrency;

namespace Serving.QueueProxy;

/// <summary>
/// Knows when the last request is through: none in flight, and none has come for the quiet period, which gives every
/// load balancer time to learn that the pod is going. Requests that have left HTTP (WebSocket) are not waited for: only the user's
/// program can end them well, and it is not told to before the drain is over.
/// </summary>
internal sealed class Drainer(TimeSpan quietPeriod, TimeProvider time)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private TaskCompletionSource? _drained;
    private long _lastRequest;
    private int _inFlight;

    /// <summary>Whether the pod is going, so that probes fail.</summary>
    public bool Draining => Volatile.Read(ref _drained) is not null;

    /// <summary>Requests in flight, without those that have left HTTP.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    public void Begin()
    {
        Interlocked.Increment(ref _inFlight);
        Touch();
    }

    /// <summary>A request that has begun leaves HTTP; its end is of no account.</summary>
    public void Upgrade() => Interlocked.Decrement(ref _inFlight);

    /// <summary>A request that has begun ends.</summary>
    /// <param name="upgraded">Whether <see cref="Upgrade"/> was called for it.</param>
    public void End(bool upgraded)
    {
        if (upgraded) return;
        Touch();
        Interlocked.Decrement(ref _inFlight);
    }

    /// <summary>Starts to drain, or joins a drain that runs; completes when it is quiet or the drain is taken back.</summary>
    public Task DrainAsync()
    {
        lock (_lock)
        {
            if (_drained is { } running) return running.Task;
            var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _lastRequest, time.GetTimestamp());
            Volatile.Write(ref _drained, drained);
            BackgroundFailure.Watch("Watching a drain", WatchAsync(drained));
            return drained.Task;
        }
    }

    /// <summary>Takes a drain back: those who wait for it go on, and probes succeed again.</summary>
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
        if (Draining) Volatile.Write(ref _lastRequest, time.GetTimestamp());
    }

    private async Task WatchAsync(TaskCompletionSource drained)
    {
        while (InFlight > 0 || time.GetElapsedTime(Volatile.Read(ref _lastRequest)) < quietPeriod)
        {
            await Task.Delay(Step, time);

            // Taken back.
            if (drained.Task.IsCompleted) return;
        }

        drained.TrySetResult();
    }
}
