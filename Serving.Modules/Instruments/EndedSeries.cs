namespace Serving.Instruments;

/// <summary>
/// Counts the objects with series of their own that no longer exist. OpenTelemetry's SDK keeps the series of counters and histograms for as
/// long as it runs, up to a limit, so its exporters are restarted after many have ended.
/// </summary>
public static class EndedSeries
{
    private static long _count;

    /// <summary>The number since the start of the process.</summary>
    public static long Count => Volatile.Read(ref _count);

    /// <summary>Records that an object with series has ended.</summary>
    public static void Add() => Interlocked.Increment(ref _count);
}
