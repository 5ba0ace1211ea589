using Serving.Api.WellKnown;
using Serving.Dataplane.Throttling;

namespace Serving.Activator.Throttling;

/// <summary>
/// Holds the requests of one revision until one of its pods has a place. Invariant: the capacity of the breaker is what
/// our pods take together; pods are published before the capacity grows and capacity shrinks after they are gone.
/// </summary>
internal sealed class RevisionThrottler
{
    private readonly Lock _lock = new();
    private readonly int _containerConcurrency;
    private readonly Breaker _breaker;
    private readonly ILoadBalancingPolicy _policy;
    private PodTracker[] _pods = [];
    private PodTracker[] _assigned = [];
    private PodTracker? _service;
    private int _behindService;
    private ActivatorShare _share = ActivatorShare.Unknown;
    private volatile bool _closed;

    public RevisionThrottler(int containerConcurrency, int queueDepth)
    {
        _containerConcurrency = containerConcurrency;
        _breaker = new Breaker(queueDepth, capacity: 0);
        _policy = LoadBalancingPolicies.For(containerConcurrency);
    }

    /// <summary>Whether the revision is gone; those who waited are let through to find out.</summary>
    public bool Closed => _closed;

    /// <summary>Requests that may run at once.</summary>
    public int Capacity => _breaker.Capacity;

    /// <summary>Requests that wait.</summary>
    public int Waiting => _breaker.Waiting;

    /// <summary>Waits for a turn; false when too many wait already.</summary>
    public ValueTask<bool> EnterAsync(CancellationToken cancellation) => _breaker.EnterAsync(cancellation);

    /// <summary>Gives a turn back.</summary>
    public void Exit() => _breaker.Exit();

    /// <summary>Takes a place at a pod, or null when pods changed since the turn was given.</summary>
    public PodTracker? Reserve() => _policy.Reserve(Volatile.Read(ref _assigned));

    /// <summary>Tells which pods take requests now.</summary>
    public void SetPods(IEnumerable<string> addresses)
    {
        lock (_lock)
        {
            var known = _pods.ToDictionary(static pod => pod.Address, StringComparer.Ordinal);
            _pods = [.. addresses.Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(address => known.GetValueOrDefault(address) ?? new PodTracker(address, _containerConcurrency))];
            _service = null;
            Assign();
        }
    }

    /// <summary>Tells that requests go through the revision's Service, which chooses the pod, and how many pods it chooses from.</summary>
    public void SetService(Destination service, int readyPods)
    {
        var tlsPort = service.TlsPort ?? NetworkingKeys.ServiceHttpsPort;
        lock (_lock)
        {
            if (_service?.Address != service.Address || _service.ServiceTlsPort != tlsPort) _service = new PodTracker(service.Address, 0, tlsPort);
            _behindService = readyPods;
            _pods = [];
            Assign();
        }
    }

    /// <summary>Tells which activators the revision has.</summary>
    public void SetShare(ActivatorShare share)
    {
        lock (_lock)
        {
            if (_share == share) return;
            _share = share;
            Assign();
        }
    }

    /// <summary>The revision is gone: nobody waits any longer.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _breaker.Capacity = Breaker.Unlimited;
        }
    }

    private void Assign()
    {
        if (_closed) return;

        if (_service is { } service)
        {
            // The Service chooses: a share of pods cannot be ours alone, so the capacity is divided.
            Volatile.Write(ref _assigned, [service]);
            _breaker.Capacity = _behindService == 0 ? 0
                : _containerConcurrency == 0 ? Breaker.Unlimited
                : (int)Math.Clamp((long)_containerConcurrency * _behindService / Math.Max(_share.Count, 1), 1, Breaker.Unlimited);
            return;
        }

        // Without a bound sharing the pods out would only make the balance worse.
        var assigned = _containerConcurrency == 0 ? _pods : _share.Of(_pods);
        Volatile.Write(ref _assigned, assigned);
        _breaker.Capacity = assigned.Length == 0 ? 0
            : _containerConcurrency == 0 ? Breaker.Unlimited
            : (int)Math.Min((long)_containerConcurrency * assigned.Length, Breaker.Unlimited);
    }
}
