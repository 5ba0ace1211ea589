namespace Serving.Dataplane;

/// <summary>Counts the connections that are within a head of several frames, up to a number.</summary>
/// <param name="most">That number.</param>
internal sealed class UnfinishedHeads(int most)
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _count) <= most) return true;
        Interlocked.Decrement(ref _count);
        return false;
    }

    public void Exit() => Interlocked.Decrement(ref _count);
}
