namespace Serving.Dataplane.Throttling;

/// <summary>
/// Lets a bounded number of requests through at once and holds a bounded number back, first come first served. The
/// capacity may change at any time; with a capacity of 0 everybody waits. The lock guards a few words, never a wait.
/// </summary>
public sealed class Breaker
{
    /// <summary>A capacity that never holds anybody back.</summary>
    public const int Unlimited = int.MaxValue;

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly int _queueDepth;
    private int _capacity;
    private int _active;

    /// <param name="queueDepth">How many may wait; at least 1.</param>
    /// <param name="capacity">How many may run at first; 0 or more.</param>
    public Breaker(int queueDepth, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queueDepth, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _queueDepth = queueDepth;
        _capacity = capacity;
    }

    /// <summary>How many may run at once. Raising it lets waiting ones run; lowering it ends nobody's turn.</summary>
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

            if (released is null) return;
            foreach (var waiter in released) waiter.Release();
        }
    }

    /// <summary>How many run or wait.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock) return _active + _waiters.Count;
        }
    }

    /// <summary>How many run.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>How many wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock) return _waiters.Count;
        }
    }

    /// <summary>Takes a turn when there is one now. A true result must be followed by <see cref="Exit"/>.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            // Those who wait come first.
            if (_active >= _capacity || _waiters.Count != 0) return false;
            _active++;
            return true;
        }
    }

    /// <summary>
    /// Waits for a turn. A true result must be followed by <see cref="Exit"/>; false means the queue is full.
    /// </summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled; no turn was taken.</exception>
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

            if (_waiters.Count >= _queueDepth) return new(false);
            if (cancellation.IsCancellationRequested) return ValueTask.FromCanceled<bool>(cancellation);
            waiter = new Waiter(this);
            waiter.Node = _waiters.AddLast(waiter);
        }

        return new(waiter.WaitAsync(cancellation));
    }

    /// <summary>Gives a turn back.</summary>
    public void Exit()
    {
        Waiter? next = null;
        lock (_lock)
        {
            if (_active == 0) throw new InvalidOperationException("A turn was given back that nobody had.");
            if (_active > _capacity || (next = TakeFirst()) is null) _active--;
        }

        next?.Release();
    }

    private Waiter? TakeFirst()
    {
        if (_waiters.First is not { } node) return null;
        _waiters.RemoveFirst();
        node.Value.Node = null;
        return node.Value;
    }

    private sealed class Waiter(Breaker breaker) : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public LinkedListNode<Waiter>? Node { get; set; }

        public async Task<bool> WaitAsync(CancellationToken cancellation)
        {
            await using (cancellation.UnsafeRegister(static (state, token) => ((Waiter)state!).Cancel(token), this))
            {
                return await Task;
            }
        }

        public void Release() => TrySetResult(true);

        private void Cancel(CancellationToken cancellation)
        {
            lock (breaker._lock)
            {
                // Whoever was given a turn in the meantime has it, and gives it back as usual.
                if (Node is null) return;
                breaker._waiters.Remove(Node);
                Node = null;
            }

            TrySetCanceled(cancellation);
        }
    }
}
