namespace Serving.Dataplane;

/// <summary>
/// Bounds the sum of the message heads that the process holds, over all connections and streams: each is bounded by itself, but HPACK lets
/// a client send a large one in a few bytes, many times. The larger a head, the less of the budget it may use, so that large heads
/// never keep out ordinary ones. What else a request in flight costs is counted with its head. Invariant: what was taken and not returned is at most <see cref="Capacity"/>.
/// </summary>
public sealed class HeadBudget
{
    /// <summary>A request of at most this many bytes in memory may use all of the budget.</summary>
    public const long Ordinary = 16 * 1024;

    private const long Large = 64 * 1024;

    private long _used;

    /// <param name="capacity">Bytes in memory; the same characters take about half as many on the wire.</param>
    public HeadBudget(long capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Capacity = capacity;
    }

    /// <summary>The one of the process: a quarter of the memory that the runtime may use, 16 MiB to 1 GiB.</summary>
    public static HeadBudget Shared { get; } = OfMemory(1024 * 1024 * 1024);

    /// <summary>Bytes that heads may take together.</summary>
    public long Capacity { get; }

    /// <summary>Bytes that are taken.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>A quarter of the memory that the runtime may use (a container's limit counts), between 16 MiB and <paramref name="most"/>.</summary>
    public static HeadBudget OfMemory(long most) => new(Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 16 * 1024 * 1024, most));

    /// <summary>Takes room for a head; false, and nothing is taken, when there is none for one of this size.</summary>
    public bool TryTake(long bytes) => TryGrow(0, bytes);

    /// <summary>Takes more room for a head that has some; false, and nothing more is taken, when there is none for one of this size.</summary>
    public bool TryGrow(long from, long to)
    {
        if (Interlocked.Add(ref _used, to - from) <= Bound(to)) return true;
        Interlocked.Add(ref _used, from - to);
        return false;
    }

    /// <summary>Gives back what was taken.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _used, -bytes);

    private long Bound(long bytes) => bytes <= Ordinary ? Capacity : bytes <= Large ? Capacity / 4 * 3 : Capacity / 2;
}
