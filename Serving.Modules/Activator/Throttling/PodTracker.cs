using Serving.Dataplane.Throttling;

namespace Serving.Activator.Throttling;

/// <summary>One pod that takes requests: its address, and how many of ours it has.</summary>
/// <param name="address">Address and port of its queue-proxy.</param>
/// <param name="containerConcurrency">Requests it takes at once; 0 for no bound.</param>
internal sealed class PodTracker(string address, int containerConcurrency)
{
    private readonly Breaker? _breaker = containerConcurrency > 0 ? new Breaker(1, containerConcurrency) : null;
    private int _inFlight;

    public string Address => address;

    /// <summary>Our requests that it is answering.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Takes a place when there is one. A true result must be followed by <see cref="Release"/>.</summary>
    public bool TryReserve()
    {
        if (_breaker is { } breaker && !breaker.TryEnter()) return false;
        Interlocked.Increment(ref _inFlight);
        return true;
    }

    /// <summary>Gives a place back.</summary>
    public void Release()
    {
        Interlocked.Decrement(ref _inFlight);
        _breaker?.Exit();
    }
}
