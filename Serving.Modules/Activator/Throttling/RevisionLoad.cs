namespace Serving.Activator.Throttling;

/// <summary>What one revision's requests do in this activator, for the metrics. Any thread writes, without a lock.</summary>
internal sealed class RevisionLoad
{
    private int _queued;
    private int _active;
    private double _concurrency;
    private volatile bool _isUsed;

    /// <summary>Whether the revision ever had a request here; without one it is not told of.</summary>
    public bool IsUsed => _isUsed;

    /// <summary>Requests that wait for a pod.</summary>
    public int Queued => Volatile.Read(ref _queued);

    /// <summary>Requests that a pod is answering.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>The average of the last report.</summary>
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
