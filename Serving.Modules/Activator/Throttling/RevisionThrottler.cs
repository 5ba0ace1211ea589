using Serving.Api.WellKnown;
using Serving.Dataplane.Throttling;

namespace Serving.Activator.Throttling;

/// <summary>
/// Holds the requests of one revision until one of its pods has a free slot. Invariant: the breaker's capacity is the capacity of our pods;
/// pods are added before the capacity is raised, and the capacity is lowered after pods are removed. Ephemeral pods, which serve a number
/// of requests each, lose capacity with every request: then slots are reserved and released under the lock, so that no request is admitted
/// for which no pod has one left.
/// </summary>
internal sealed class RevisionThrottler
{
    private readonly Lock _lock = new();
    private readonly int _containerConcurrency;
    private readonly Breaker _breaker;
    private readonly ILoadBalancingPolicy _policy;
    private readonly int _mostRequests;
    private readonly List<PodTracker> _leaving = [];
    private PodTracker[] _pods = [];
    private PodTracker[] _assigned = [];
    private PodTracker? _service;
    private int _behindService;
    private ActivatorShare _share = ActivatorShare.Unknown;
    private volatile bool _closed;

    /// <param name="containerConcurrency">The most requests at once for a pod; 0 for no limit.</param>
    /// <param name="queueDepth">The most waiting requests.</param>
    /// <param name="mostRequests">The number of requests that a pod serves before it is replaced; 0 for no limit.</param>
    public RevisionThrottler(int containerConcurrency, int queueDepth, int mostRequests = 0)
    {
        _mostRequests = mostRequests;
        _containerConcurrency = containerConcurrency;
        _breaker = new Breaker(queueDepth, capacity: 0);
        _policy = LoadBalancingPolicies.For(containerConcurrency);
    }

    /// <summary>Whether the revision has been deleted; waiting requests are then admitted so that they can fail.</summary>
    public bool Closed => _closed;

    /// <summary>Maximum number of concurrent requests.</summary>
    public int Capacity => _breaker.Capacity;

    /// <summary>Number of destinations that requests are sent to: pods, or the revision's Service.</summary>
    public int Destinations => Volatile.Read(ref _assigned).Length;

    /// <summary>Number of waiting requests.</summary>
    public int Waiting => _breaker.Waiting;

    /// <summary>Waits for a slot; false when the queue is full.</summary>
    public ValueTask<bool> EnterAsync(CancellationToken cancellation) => _breaker.EnterAsync(cancellation);

    /// <summary>Releases a slot.</summary>
    public void Exit() => _breaker.Exit();

    /// <summary>Whether its pods are replaced after a number of requests.</summary>
    public bool IsEphemeral => _mostRequests > 0;

    /// <summary>Reserves a slot at a pod; null when the pods changed since the request was admitted. Afterwards, call
    /// <see cref="Release"/>.</summary>
    public PodTracker? Reserve()
    {
        if (!IsEphemeral)
            return _policy.Reserve(Volatile.Read(ref _assigned));
        lock (_lock)
        {
            var pod = _policy.Reserve(_assigned);
            if (pod is { IsSpent: true })
                Assign();
            return pod;
        }
    }

    /// <summary>Releases a slot at a pod. Returns whether the pod has got its number of requests and all have ended: it may have received
    /// fewer, for which it must be asked.</summary>
    public bool Release(PodTracker pod)
    {
        if (!IsEphemeral)
        {
            pod.Release();
            return false;
        }

        lock (_lock)
        {
            pod.Release();
            var isIdle = pod.InFlight == 0;
            if (isIdle)
                _leaving.Remove(pod);
            Assign();
            return isIdle && pod.IsSpent;
        }
    }

    /// <summary>Sets the pods that accept requests.</summary>
    public void SetPods(IEnumerable<string> addresses)
    {
        lock (_lock)
        {
            var known = _pods.ToDictionary(static pod => pod.Address, StringComparer.Ordinal);
            Replace([
                .. addresses
                    .Distinct(StringComparer.Ordinal)
                    .Order(StringComparer.Ordinal)
                    .Select(address =>
                        known.GetValueOrDefault(address) ?? new PodTracker(address, _containerConcurrency, mostRequests: _mostRequests)
                    ),
            ]);
            _service = null;
            Assign();
        }
    }

    /// <summary>Routes requests through the revision's Service, which selects the pod, and sets the number of its pods.</summary>
    public void SetService(Destination service, int readyPods)
    {
        var tlsPort = service.TlsPort ?? NetworkingKeys.ServiceHttpsPort;
        lock (_lock)
        {
            if (_service?.Address != service.Address || _service.ServiceTlsPort != tlsPort)
                _service = new PodTracker(service.Address, 0, tlsPort);
            _behindService = readyPods;
            Replace([]);
            Assign();
        }
    }

    /// <summary>Sets the share of this activator among the revision's activators.</summary>
    public void SetShare(ActivatorShare share)
    {
        lock (_lock)
        {
            if (_share == share)
                return;
            _share = share;
            Assign();
        }
    }

    /// <summary>The revision has been deleted: releases all waiting requests.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _breaker.Capacity = Breaker.Unlimited;
        }
    }

    private void Replace(PodTracker[] pods)
    {
        // What removed pods still serve holds slots of the breaker.
        if (IsEphemeral)
            _leaving.AddRange(_pods.Where(pod => pod.InFlight > 0 && !pods.Contains(pod)));
        _pods = pods;
    }

    private void Assign()
    {
        if (_closed)
            return;

        if (_service is { } service)
        {
            // The Service selects the pod: no pods can be ours alone, so the capacity is divided.
            Volatile.Write(ref _assigned, [service]);
            _breaker.Capacity =
                _behindService == 0 ? 0
                : _containerConcurrency == 0 ? Breaker.Unlimited
                : (int)Math.Clamp((long)_containerConcurrency * _behindService / Math.Max(_share.Count, 1), 1, Breaker.Unlimited);
            return;
        }

        // Without a limit, dividing the pods among activators would only worsen the balance.
        var assigned = _containerConcurrency == 0 ? _pods : _share.Of(_pods);
        if (IsEphemeral)
        {
            Volatile.Write(ref _assigned, Array.FindAll(assigned, static pod => !pod.IsSpent));
            var capacity =
                assigned.Sum(static pod => pod.Capacity)
                + _pods.Except(assigned).Sum(static pod => (long)pod.InFlight)
                + _leaving.Sum(static pod => (long)pod.InFlight);
            _breaker.Capacity = (int)Math.Min(capacity, Breaker.Unlimited);
            return;
        }

        Volatile.Write(ref _assigned, assigned);
        _breaker.Capacity =
            assigned.Length == 0 ? 0
            : _containerConcurrency == 0 ? Breaker.Unlimited
            : (int)Math.Min((long)_containerConcurrency * assigned.Length, Breaker.Unlimited);
    }
}
