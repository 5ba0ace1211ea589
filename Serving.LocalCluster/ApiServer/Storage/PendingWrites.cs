namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// Queue of writes to disk, in the order of their objects' first pending change. Invariants: for one object only the latest write is
/// queued, at the position of the first, and at most <see cref="Capacity"/> objects are queued; further ones are dropped and counted.
/// Thread-safe.
/// </summary>
internal sealed class PendingWrites
{
    /// <summary>The maximum number of queued objects: more than a local cluster has, so that only a long disk failure fills it.</summary>
    public const int Capacity = 100_000;

    private readonly Lock _gate = new();
    private readonly LinkedList<PendingWrite> _order = new();
    private readonly Dictionary<(string, string, string, string), LinkedListNode<PendingWrite>> _byObject = [];
    private readonly Queue<(long Place, TaskCompletionSource Written)> _waiters = new();
    private TaskCompletionSource _some = New();
    private long _dropped;
    private long _place;
    private bool _isStoring;

    /// <summary>The number of queued writes.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _order.Count;
        }
    }

    /// <summary>Adds a write, replacing an older one of the same object.</summary>
    public void Add(PendingWrite write)
    {
        lock (_gate)
        {
            if (_byObject.TryGetValue(write.Key, out var waiting))
            {
                waiting.Value = write with { Place = waiting.Value.Place };
            }
            else if (_order.Count >= Capacity)
            {
                _dropped++;
                return;
            }
            else
            {
                _byObject[write.Key] = _order.AddLast(write with { Place = ++_place });
            }

            _some.TrySetResult();
        }
    }

    /// <summary>Takes the first writes.</summary>
    public List<PendingWrite> Take(int most)
    {
        var taken = new List<PendingWrite>();
        lock (_gate)
        {
            while (taken.Count < most && _order.First is { } first)
            {
                taken.Add(first.Value);
                _order.RemoveFirst();
                _byObject.Remove(first.Value.Key);
            }

            if (_order.Count == 0)
                _some = New();
            _isStoring = taken.Count > 0;
        }

        return taken;
    }

    /// <summary>Reports that the taken writes are on disk, and completes their waiters.</summary>
    public void Stored()
    {
        lock (_gate)
        {
            _isStoring = false;
            var next = _order.First?.Value.Place ?? long.MaxValue;
            while (_waiters.TryPeek(out var waiter) && waiter.Place < next)
                _waiters.Dequeue().Written.TrySetResult();
        }
    }

    /// <summary>Completes when all earlier writes are on disk; fails when the next attempt to write them fails.</summary>
    public Task WrittenAsync()
    {
        lock (_gate)
        {
            if (_order.Count == 0 && !_isStoring)
                return Task.CompletedTask;
            var written = New();
            _waiters.Enqueue((_place, written));
            return written.Task;
        }
    }

    /// <summary>Requeues failed writes; a newer write of the same object takes precedence. Fails their waiters.</summary>
    public void Return(List<PendingWrite> writes, Exception why)
    {
        lock (_gate)
        {
            foreach (var write in Enumerable.Reverse(writes))
            {
                var newest = write;
                if (_byObject.TryGetValue(write.Key, out var changed))
                {
                    newest = changed.Value with { Place = write.Place };
                    _order.Remove(changed);
                }

                _byObject[write.Key] = _order.AddFirst(newest);
            }

            _isStoring = false;
            while (_waiters.TryDequeue(out var waiter))
                waiter.Written.TrySetException(why);
            if (_order.Count > 0)
                _some.TrySetResult();
        }
    }

    /// <summary>The number of dropped writes since the last call.</summary>
    public long TakeDropped()
    {
        lock (_gate)
        {
            var dropped = _dropped;
            _dropped = 0;
            return dropped;
        }
    }

    /// <summary>Returns when writes are queued.</summary>
    public Task WaitAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return _some.Task.WaitAsync(cancellation);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The latest state of an object to write; without JSON the object is removed.</summary>
internal sealed record PendingWrite(string Group, string Resource, string Namespace, string Name, byte[]? Json, long Revision)
{
    /// <summary>The key of the object.</summary>
    public (string, string, string, string) Key => (Group, Resource, Namespace, Name);

    /// <summary>Its position in the queue, set when it is added.</summary>
    public long Place { get; init; }

    /// <summary>Records the current revision, without an object.</summary>
    public static PendingWrite OfRevision(long revision) => new("", "", "", "", null, revision);

    /// <summary>Whether it has an object.</summary>
    public bool IsObject => Resource.Length > 0;
}
