using Serving.Dataplane;
using Serving.Dataplane.Throttling;

namespace Serving.Activator.Throttling;

/// <summary>One pod that takes requests, or the Service that stands for all: its address, and how many of ours it has.</summary>
/// <param name="address">Address and port of its queue-proxy.</param>
/// <param name="containerConcurrency">Requests it takes at once; 0 for no bound.</param>
/// <param name="serviceTlsPort">The port of TLS of a Service; null for a pod.</param>
internal sealed class PodTracker(string address, int containerConcurrency, int? serviceTlsPort = null)
{
    private readonly Breaker? _breaker = containerConcurrency > 0 ? new Breaker(1, containerConcurrency) : null;
    private int _inFlight;

    public string Address => address;

    /// <summary>The port of TLS where this is the revision's Service; null where it is a pod.</summary>
    public int? ServiceTlsPort => serviceTlsPort;

    /// <summary>Whether it failed lately.</summary>
    public PassiveHealth Health { get; } = new(TimeProvider.System);

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
