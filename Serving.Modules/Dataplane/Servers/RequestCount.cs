namespace Serving.Dataplane.Servers;

/// <summary>The number of requests of one connection.</summary>
internal sealed class RequestCount
{
    private int _count;

    /// <summary>Counts a request, and returns its number, from 1.</summary>
    public int Next() => Interlocked.Increment(ref _count);
}
