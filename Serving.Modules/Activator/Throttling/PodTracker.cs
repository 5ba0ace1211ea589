using Serving.Dataplane.Throttling;
using Serving.Dataplane.Upstreams;

namespace Serving.Activator.Throttling;

/// <summary>A pod that accepts requests, or the Service that stands for all pods: its address, and the number of our requests to
/// it.</summary>
/// <param name="address">Address and port of its queue-proxy.</param>
/// <param name="containerConcurrency">Maximum number of concurrent requests; 0 for no limit.</param>
/// <param name="serviceTlsPort">The TLS port of a Service; null for a pod.</param>
/// <param name="mostRequests">The number of requests that the pod serves; 0 for no limit. Other clients may have sent it some of them, so
/// that fewer are left: its queue-proxy knows.</param>
internal sealed class PodTracker(string address, int containerConcurrency, int? serviceTlsPort = null, int mostRequests = 0)
{
    private readonly Breaker? _breaker = containerConcurrency > 0 ? new Breaker(1, containerConcurrency) : null;
    private int _inFlight;
    private int _sent;

    public string Address => address;

    /// <summary>The TLS port if this is the revision's Service; null for a pod.</summary>
    public int? ServiceTlsPort => serviceTlsPort;

    /// <summary>Whether it failed recently.</summary>
    public PassiveHealth Health { get; } = new(TimeProvider.System);

    /// <summary>Our requests in flight to it.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Whether we have sent it as many requests as it serves.</summary>
    public bool IsSpent => mostRequests > 0 && Volatile.Read(ref _sent) >= mostRequests;

    /// <summary>The most of our requests that it can have in flight, with those that are: what is left of its number, within its
    /// concurrency.</summary>
    public long Capacity
    {
        get
        {
            var inFlight = InFlight;
            var concurrency = containerConcurrency > 0 ? containerConcurrency : Breaker.Unlimited;
            return mostRequests == 0
                ? concurrency
                : Math.Min(concurrency, (long)inFlight + Math.Max(mostRequests - Volatile.Read(ref _sent), 0));
        }
    }

    /// <summary>Reserves a slot if one is free. After true, call <see cref="Release"/>.</summary>
    public bool TryReserve()
    {
        if (_breaker is { } breaker && !breaker.TryEnter())
            return false;
        if (mostRequests > 0 && Interlocked.Increment(ref _sent) > mostRequests)
        {
            Interlocked.Decrement(ref _sent);
            _breaker?.Exit();
            return false;
        }

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
