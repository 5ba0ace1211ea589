namespace Serving.Autoscaler.Aggregation;

/// <summary>The maximum over a sliding window: a decision must not fall below it yet. Not thread-safe.</summary>
internal sealed class DelayWindow
{
    // Values descend from front to back: one that is not above a newer one can never be the maximum again.
    private readonly List<(long Slot, int Value)> _kept = [];
    private readonly long _slots;
    private readonly long _ticksPerSlot;

    /// <param name="window">The length of the window.</param>
    /// <param name="granularity">Values within this interval share a slot.</param>
    public DelayWindow(TimeSpan window, TimeSpan granularity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(granularity, TimeSpan.Zero);
        _ticksPerSlot = granularity.Ticks;
        _slots = Math.Max(1, (window.Ticks + _ticksPerSlot - 1) / _ticksPerSlot);
    }

    /// <summary>Adds a value and returns the maximum.</summary>
    public int Record(DateTimeOffset now, int value)
    {
        var slot = now.UtcTicks / _ticksPerSlot;
        while (_kept.Count > 0 && _kept[^1].Value <= value)
            _kept.RemoveAt(_kept.Count - 1);
        _kept.Add((slot, value));
        _kept.RemoveAll(entry => slot - entry.Slot >= _slots);
        return _kept[0].Value;
    }
}
