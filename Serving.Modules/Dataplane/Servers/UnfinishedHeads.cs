namespace Serving.Dataplane.Servers;

/// <summary>Counts the connections within a head of several frames, up to a limit.</summary>
/// <param name="most">The limit.</param>
internal sealed class UnfinishedHeads(int most)
{
    private int _most = most;
    private int _count;

    /// <summary>The limit. When it falls, connections within a head keep their place.</summary>
    public int Most
    {
        get => Volatile.Read(ref _most);
        set => Volatile.Write(ref _most, value);
    }

    public int Count => Volatile.Read(ref _count);

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _count) <= Most)
            return true;
        Interlocked.Decrement(ref _count);
        return false;
    }

    public void Exit() => Interlocked.Decrement(ref _count);
}
