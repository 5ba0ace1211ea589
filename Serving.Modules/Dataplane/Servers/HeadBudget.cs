namespace Serving.Dataplane.Servers;

/// <summary>
/// Limits the total memory of message heads across all connections and streams. Each head is limited by itself, but HPACK lets a client
/// send a large one in a few bytes, many times. The larger a head, the smaller the share of the budget it may use, so that large heads
/// never block ordinary ones. The fixed cost of a request in flight is included. Invariant: the memory in use is at most
/// <see cref="Capacity"/>.
/// </summary>
public sealed class HeadBudget
{
    /// <summary>Requests up to this size in bytes may use the whole budget.</summary>
    public const long Ordinary = 16 * 1024;

    private const long Large = 64 * 1024;

    private long _used;

    /// <param name="capacity">Bytes of memory; on the wire the same characters take about half as many.</param>
    public HeadBudget(long capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Capacity = capacity;
    }

    /// <summary>The budget of the process: an eighth of the memory available to the runtime, between 16 MiB and 1 GiB.</summary>
    public static HeadBudget Shared { get; } = OfMemory(1024 * 1024 * 1024);

    /// <summary>Total bytes available for heads.</summary>
    public long Capacity { get; }

    /// <summary>Bytes in use.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>An eighth of the memory available to the runtime (honours container limits), between 16 MiB and
    /// <paramref name="most"/>.</summary>
    public static HeadBudget OfMemory(long most) =>
        new(Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8, 16 * 1024 * 1024, most));

    /// <summary>Reserves memory for a head; false, with nothing reserved, when the budget has no room for one of this size.</summary>
    public bool TryTake(long bytes) => TryGrow(0, bytes);

    /// <summary>Reserves more memory for a head; false, with nothing more reserved, when the budget has no room for one of this
    /// size.</summary>
    public bool TryGrow(long from, long to)
    {
        if (Interlocked.Add(ref _used, to - from) <= Bound(to))
            return true;
        Interlocked.Add(ref _used, from - to);
        return false;
    }

    /// <summary>Releases reserved memory.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _used, -bytes);

    private long Bound(long bytes) =>
        bytes <= Ordinary ? Capacity
        : bytes <= Large ? Capacity / 2
        : Capacity / 4;
}
