namespace Serving.Dataplane.Throttling;

/// <summary>
/// Limits the number of concurrent requests and queues a bounded number of others, first in, first out. The capacity may change at any
/// time; at a capacity of 0 every request waits. The lock protects a few fields and is never held across a wait.
/// </summary>
public sealed class Breaker
{
    /// <summary>A capacity without a limit.</summary>
    public const int Unlimited = int.MaxValue;

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly int _queueDepth;
    private int _capacity;
    private int _active;

    /// <param name="queueDepth">Maximum number of waiting requests; at least 1.</param>
    /// <param name="capacity">Initial number of concurrent requests; 0 or more.</param>
    public Breaker(int queueDepth, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queueDepth, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _queueDepth = queueDepth;
        _capacity = capacity;
    }

    /// <summary>Maximum number of concurrent requests. Raising it admits waiting ones; lowering it does not interrupt running
    /// ones.</summary>
    public int Capacity
    {
        get => Volatile.Read(ref _capacity);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            List<Waiter>? released = null;
            lock (_lock)
            {
                _capacity = value;
                while (_active < _capacity && TakeFirst() is { } waiter)
                {
                    _active++;
                    (released ??= []).Add(waiter);
                }
            }

            if (released is null)
                return;
            foreach (var waiter in released)
                waiter.Release();
        }
    }

    /// <summary>Number of running and waiting requests.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
                return _active + _waiters.Count;
        }
    }

    /// <summary>Number of running requests.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>Number of waiting requests.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiters.Count;
        }
    }

    /// <summary>Acquires a slot if one is free. After true, call <see cref="Exit"/>.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            // Waiting requests come first.
            if (_active >= _capacity || _waiters.Count != 0)
                return false;
            _active++;
            return true;
        }
    }

    /// <summary>
    /// Waits for a slot. After true, call <see cref="Exit"/>; false means that the queue is full, or that the wait was cancelled, which the
    /// token tells. That is no exception, because a client that disconnects may cancel hundreds of waiting requests at once.
    /// </summary>
    public ValueTask<bool> EnterAsync(CancellationToken cancellation)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (_active < _capacity && _waiters.Count == 0)
            {
                _active++;
                return new(true);
            }

            if (_waiters.Count >= _queueDepth)
                return new(false);
            if (cancellation.IsCancellationRequested)
                return new(false);
            waiter = new Waiter(this);
            waiter.Node = _waiters.AddLast(waiter);
        }

        return new(waiter.WaitAsync(cancellation));
    }

    /// <summary>Releases a slot.</summary>
    public void Exit()
    {
        Waiter? next = null;
        lock (_lock)
        {
            if (_active == 0)
                throw new InvalidOperationException(
                    "Exit was called without a matching slot; call it once per successful TryEnter or EnterAsync."
                );
            if (_active > _capacity || (next = TakeFirst()) is null)
                _active--;
        }

        next?.Release();
    }

    private Waiter? TakeFirst()
    {
        if (_waiters.First is not { } node)
            return null;
        _waiters.RemoveFirst();
        node.Value.Node = null;
        return node.Value;
    }

    private sealed class Waiter(Breaker breaker) : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public LinkedListNode<Waiter>? Node { get; set; }

        public async Task<bool> WaitAsync(CancellationToken cancellation)
        {
            await using (cancellation.UnsafeRegister(static state => ((Waiter)state!).Leave(), this))
            {
                return await Task;
            }
        }

        public void Release() => TrySetResult(true);

        private void Leave()
        {
            lock (breaker._lock)
            {
                // A request that was granted a slot before the cancellation keeps it and releases it as usual.
                if (Node is null)
                    return;
                breaker._waiters.Remove(Node);
                Node = null;
            }

            TrySetResult(false);
        }
    }
}
