using Serving.Dataplane.Throttling;
using Serving.Dataplane.Upstreams;

namespace Serving.Activator.Throttling;

/// <summary>A pod that accepts requests, or the Service that stands for all pods: its address, and the number of our requests to
/// it.</summary>
/// <param name="address">Address and port of its queue-proxy.</param>
/// <param name="containerConcurrency">Maximum number of concurrent requests; 0 for no limit.</param>
/// <param name="serviceTlsPort">The TLS port of a Service; null for a pod.</param>
internal sealed class PodTracker(string address, int containerConcurrency, int? serviceTlsPort = null)
{
    private readonly Breaker? _breaker = containerConcurrency > 0 ? new Breaker(1, containerConcurrency) : null;
    private int _inFlight;

    public string Address => address;

    /// <summary>The TLS port if this is the revision's Service; null for a pod.</summary>
    public int? ServiceTlsPort => serviceTlsPort;

    /// <summary>Whether it failed recently.</summary>
    public PassiveHealth Health { get; } = new(TimeProvider.System);

    /// <summary>Our requests in flight to it.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Reserves a slot if one is free. After true, call <see cref="Release"/>.</summary>
    public bool TryReserve()
    {
        if (_breaker is { } breaker && !breaker.TryEnter())
            return false;
        Interlocked.Increment(ref _inFlight);
        return true;
    }

    /// <summary>Releases a slot.</summary>
    public void Release()
    {
        Interlocked.Decrement(ref _inFlight);
        _breaker?.Exit();
    }
}
