namespace Serving.Observability.Metrics;

/// <summary>The kind of an instrument.</summary>
internal enum MetricKind
{
    /// <summary>A monotonic sum.</summary>
    Counter,

    /// <summary>A sum that increases and decreases.</summary>
    UpDownCounter,

    /// <summary>The last value.</summary>
    Gauge,

    /// <summary>A distribution.</summary>
    Histogram,
}
