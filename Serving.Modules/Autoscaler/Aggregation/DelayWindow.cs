namespace Serving.Autoscaler.Aggregation;

/// <summary>The maximum over a sliding window: a decision must not fall below it yet. Not thread-safe.</summary>
internal sealed class DelayWindow
{
    // Values descend from front to back: one that is not above a newer one can never be the maximum again.
    private readonly List<(long Slot, int Value)> kept = [];
    private readonly long slots;
    private readonly long ticksPerSlot;

    /// <param name="window">The length of the window.</param>
    /// <param name="granularity">Values within this interval share a slot.</param>
    public DelayWindow(TimeSpan window, TimeSpan granularity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(granularity, TimeSpan.Zero);
        ticksPerSlot = granularity.Ticks;
        slots = Math.Max(1, (window.Ticks + ticksPerSlot - 1) / ticksPerSlot);
    }

    /// <summary>Adds a value and returns the maximum.</summary>
    public int Record(DateTimeOffset now, int value)
    {
        var slot = now.UtcTicks / ticksPerSlot;
        while (kept.Count > 0 && kept[^1].Value <= value) kept.RemoveAt(kept.Count - 1);
        kept.Add((slot, value));
        kept.RemoveAll(entry => slot - entry.Slot >= slots);
        return kept[0].Value;
    }
}
