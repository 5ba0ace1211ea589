using Serving.Concurrency;

namespace Serving.Activator.Throttling;

/// <summary>The probing of one destination, which goes on at most once at a time. Guarded by the lock of its <see cref="RevisionBackends"/>.</summary>
internal sealed class ProbeRun : IDisposable
{
    private CancellationTokenSource? _running;

    /// <summary>Begins; what ends it, or null when it goes on already.</summary>
    public CancellationToken? Start()
    {
        if (_running is not null) return null;
        _running = new CancellationTokenSource();
        return _running.Token;
    }

    /// <summary>Ends it, if it goes on.</summary>
    public void Stop()
    {
        // Not disposed: the probe may still read its token, and without a timer there is nothing to free. Not on this thread, which holds
        // the lock: a probe that is told goes on where it is told.
        _ = _running?.CancelSafelyAsync();
        _running = null;
    }

    public void Dispose() => Stop();
}
