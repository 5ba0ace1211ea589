using Serving.Concurrency;

namespace Serving.Activator.Throttling;

/// <summary>The probing of one destination, at most one run at a time. Guarded by the lock of its <see cref="RevisionBackends"/>.</summary>
internal sealed class ProbeRun : IDisposable
{
    private CancellationTokenSource? _running;

    /// <summary>Starts a run and returns the source that cancels it; null when one is running.</summary>
    public CancellationToken? Start()
    {
        if (_running is not null)
            return null;
        _running = new CancellationTokenSource();
        return _running.Token;
    }

    /// <summary>Cancels the run, if there is one.</summary>
    public void Stop()
    {
        // Not disposed: the probe may still read its token, and without a timer there is nothing to free. Cancelled on another thread,
        // because continuations of the probe run on the cancelling thread and this one holds the lock.
        _ = _running?.CancelSafelyAsync();
        _running = null;
    }

    public void Dispose() => Stop();
}
