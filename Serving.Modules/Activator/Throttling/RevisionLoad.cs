namespace Serving.Activator.Throttling;

/// <summary>The load of one revision in this activator, for metrics. Lock-free; any thread may write.</summary>
internal sealed class RevisionLoad
{
    private int _queued;
    private int _active;
    private double _concurrency;
    private volatile bool _isUsed;

    /// <summary>Whether the revision ever had a request here; without one it emits no series.</summary>
    public bool IsUsed => _isUsed;

    /// <summary>Requests waiting for a pod.</summary>
    public int Queued => Volatile.Read(ref _queued);

    /// <summary>Requests being processed by a pod.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>The average concurrency in the last report.</summary>
    public double Concurrency
    {
        get => Volatile.Read(ref _concurrency);
        set => Volatile.Write(ref _concurrency, value);
    }

    public void BeginWait()
    {
        _isUsed = true;
        Interlocked.Increment(ref _queued);
    }

    public void EndWait() => Interlocked.Decrement(ref _queued);

    public void BeginAnswer() => Interlocked.Increment(ref _active);

    public void EndAnswer() => Interlocked.Decrement(ref _active);
}
