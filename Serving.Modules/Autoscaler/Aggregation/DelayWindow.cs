namespace Serving.Autoscaler.Aggregation;

/// <summary>The largest of the values of a sliding window: what a decision must not fall below yet. Not safe for concurrent use.</summary>
internal sealed class DelayWindow
{
    // Values fall from front to back: one that is not above a newer one can never be the largest again.
    private readonly List<(long Slot, int Value)> kept = [];
    private readonly long slots;
    private readonly long ticksPerSlot;

    /// <param name="window">How long a value counts.</param>
    /// <param name="granularity">Values within this time share a slot.</param>
    public DelayWindow(TimeSpan window, TimeSpan granularity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(granularity, TimeSpan.Zero);
        ticksPerSlot = granularity.Ticks;
        slots = Math.Max(1, (window.Ticks + ticksPerSlot - 1) / ticksPerSlot);
    }

    /// <summary>Adds a value and tells the largest that counts.</summary>
    public int Record(DateTimeOffset now, int value)
    {
        var slot = now.UtcTicks / ticksPerSlot;
        while (kept.Count > 0 && kept[^1].Value <= value) kept.RemoveAt(kept.Count - 1);
        kept.Add((slot, value));
        kept.RemoveAll(entry => slot - entry.Slot >= slots);
        return kept[0].Value;
    }
}
