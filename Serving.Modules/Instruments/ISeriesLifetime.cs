namespace Serving.Instruments;

/// <summary>
/// Tells which series of a meter's instruments belong to something that still exists. A meter with series per object has one as its
/// <see cref="System.Diagnostics.Metrics.Meter.Scope"/>, because counters and histograms cannot remove a series themselves. Called while
/// metrics are collected: must be fast and thread-safe.
/// </summary>
public interface ISeriesLifetime
{
    /// <summary>Whether the object that the tags of a series name exists. Otherwise the series is exported once more after its last change,
    /// then removed.</summary>
    bool IsCurrent(ReadOnlySpan<KeyValuePair<string, object?>> tags);
}
