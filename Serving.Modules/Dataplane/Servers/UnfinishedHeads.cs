namespace Serving.Dataplane.Servers;

/// <summary>Counts the connections within a head of several frames, up to a limit.</summary>
/// <param name="most">The limit.</param>
internal sealed class UnfinishedHeads(int most)
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _count) <= most)
            return true;
        Interlocked.Decrement(ref _count);
        return false;
    }

    public void Exit() => Interlocked.Decrement(ref _count);
}
