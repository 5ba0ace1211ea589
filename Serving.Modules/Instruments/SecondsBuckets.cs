using System.Diagnostics.Metrics;

namespace Serving.Instruments;

/// <summary>Bucket boundaries of histograms of durations.</summary>
public static class SecondsBuckets
{
    /// <summary>For requests and other work of milliseconds to seconds; the boundaries of the reference and of OpenTelemetry.</summary>
    public static InstrumentAdvice<double> Short { get; } =
        new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] };

    /// <summary>For waits, most of which take no time at all.</summary>
    public static InstrumentAdvice<double> Waits { get; } =
        new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, .. Short.HistogramBucketBoundaries!] };

    /// <summary>For what may take minutes, such as the start of a pod whose image must be pulled.</summary>
    public static InstrumentAdvice<double> Long { get; } =
        new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300] };
}
