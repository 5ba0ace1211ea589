namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// Writes that wait for the disk, in the order in which their objects changed first. Invariants: of one object only the newest waits, and
/// no more than <see cref="Capacity"/> objects do; what comes beyond is dropped and counted. Thread-safe.
/// </summary>
internal sealed class PendingWrites
{
    /// <summary>How many objects may wait: more than a local cluster has, so that only a disk that fails for long fills it.</summary>
    public const int Capacity = 100_000;

    private readonly Lock _gate = new();
    private readonly LinkedList<PendingWrite> _order = new();
    private readonly Dictionary<(string, string, string, string), LinkedListNode<PendingWrite>> _byObject = [];
    private TaskCompletionSource _some = New();
    private long _dropped;

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
                waiting.Value = write;
            }
            else if (_order.Count >= Capacity)
            {
                _dropped++;
                return;
            }
            else
            {
                _byObject[write.Key] = _order.AddLast(write);
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
        }

        return taken;
    }

    /// <summary>Puts back what could not be written, but for objects that have changed since.</summary>
    public void Return(List<PendingWrite> writes)
    {
        lock (_gate)
        {
            foreach (var write in Enumerable.Reverse(writes))
            {
                if (!_byObject.ContainsKey(write.Key))
                    _byObject[write.Key] = _order.AddFirst(write);
            }

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
}
