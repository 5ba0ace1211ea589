namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// Writes that wait for the disk, in the order in which their objects changed first. Invariants: of one object only the newest waits, in
/// the place of the oldest, and no more than <see cref="Capacity"/> objects do; what comes beyond is dropped and counted. Thread-safe.
/// </summary>
internal sealed class PendingWrites
{
    /// <summary>How many objects may wait: more than a local cluster has, so that only a disk that fails for long fills it.</summary>
    public const int Capacity = 100_000;

    private readonly Lock _gate = new();
    private readonly LinkedList<PendingWrite> _order = new();
    private readonly Dictionary<(string, string, string, string), LinkedListNode<PendingWrite>> _byObject = [];
    private readonly Queue<(long Place, TaskCompletionSource Written)> _waiters = new();
    private TaskCompletionSource _some = New();
    private long _dropped;
    private long _place;
    private bool _isStoring;

    /// <summary>How many wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _order.Count;
        }
    }

    /// <summary>Adds a write, in place of an older one of the same object.</summary>
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

    /// <summary>Takes the first ones.</summary>
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

    /// <summary>Says that what was taken is on disk, and releases who waited for it.</summary>
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

    /// <summary>Completes when everything that was added before is on disk; fails when the next attempt to write it does.</summary>
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

    /// <summary>Puts back what could not be written; an object that has changed since waits with its newer state. Fails who waited for any of it.</summary>
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

    /// <summary>How many were dropped since this was asked last.</summary>
    public long TakeDropped()
    {
        lock (_gate)
        {
            var dropped = _dropped;
            _dropped = 0;
            return dropped;
        }
    }

    /// <summary>Returns once some wait.</summary>
    public Task WaitAsync(CancellationToken cancellation)
    {
        lock (_gate)
            return _some.Task.WaitAsync(cancellation);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The newest state of an object, to be written; without JSON it is to be removed.</summary>
internal sealed record PendingWrite(string Group, string Resource, string Namespace, string Name, byte[]? Json, long Revision)
{
    /// <summary>Which object it is about.</summary>
    public (string, string, string, string) Key => (Group, Resource, Namespace, Name);

    /// <summary>Its place in the order of waiting: given when it is added.</summary>
    public long Place { get; init; }

    /// <summary>Notes how far revisions have come, and no object.</summary>
    public static PendingWrite OfRevision(long revision) => new("", "", "", "", null, revision);

    /// <summary>Whether it is about an object.</summary>
    public bool IsObject => Resource.Length > 0;
}
