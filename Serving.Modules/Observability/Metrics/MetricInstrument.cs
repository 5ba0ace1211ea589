using System.Diagnostics.Metrics;

namespace Serving.Observability.Metrics;

/// <summary>The series of one instrument. Recording takes a lock only for a new set of tags.</summary>
internal sealed class MetricInstrument
{
    /// <summary>Maximum number of series per instrument; further ones are aggregated into one.</summary>
    private const int MaxSeries = 2000;

    private static readonly double[] SecondsBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    private static readonly double[] DefaultBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
    private static readonly KeyValuePair<string, object?>[] Overflow = [new("otel.metric.overflow", true)];

    private readonly Lock _gate = new();
    private readonly MetricKind _kind;
    private readonly double[]? _bounds;
    private MetricSeries[] _series = [];

    public MetricInstrument(Instrument instrument)
    {
        Instrument = instrument;
        _kind = KindOf(instrument);
        _bounds = _kind == MetricKind.Histogram ? Advice(instrument) ?? (instrument.Unit == "s" ? SecondsBounds : DefaultBounds) : null;
        Name = PrometheusNames.Metric(instrument.Name, instrument.Unit, _kind == MetricKind.Counter, _kind == MetricKind.Gauge);
    }

    public Instrument Instrument { get; }

    public string Name { get; }

    public MetricKind Kind => _kind;

    public IReadOnlyList<MetricSeries> Series => Volatile.Read(ref _series);

    public void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var target = Find(Volatile.Read(ref _series), tags) ?? Add(tags);
        if (_kind == MetricKind.Histogram)
        {
            target.Record(value);
        }
        else if (Instrument.IsObservable || _kind == MetricKind.Gauge)
        {
            target.Set(value);
        }
        else
        {
            target.Add(value);
        }
    }

    /// <summary>Clears the series of an observable instrument before it is observed again, so that series it no longer reports
    /// disappear.</summary>
    public void Restart()
    {
        if (Instrument.IsObservable)
        {
            lock (_gate)
            {
                Volatile.Write(ref _series, []);
            }
        }
    }

    private static MetricSeries? Find(MetricSeries[] all, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var candidate in all)
        {
            if (candidate.Has(tags))
            {
                return candidate;
            }
        }

        return null;
    }

    private MetricSeries Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_gate)
        {
            var all = _series;
            if (Find(all, tags) is { } there)
            {
                return there;
            }

            var key = all.Length < MaxSeries ? tags.ToArray() : Overflow;
            if (Find(all, key) is { } overflow)
            {
                return overflow;
            }

            var added = new MetricSeries(key, _bounds);
            Volatile.Write(ref _series, [.. all, added]);
            return added;
        }
    }

    private static MetricKind KindOf(Instrument instrument)
    {
        // Compare names, because instruments are generic in their number type.
        var type = instrument.GetType().Name;
        return type switch
        {
            _ when type.StartsWith("Histogram", StringComparison.Ordinal) => MetricKind.Histogram,
            _ when type.StartsWith("Counter", StringComparison.Ordinal) || type.StartsWith("ObservableCounter", StringComparison.Ordinal) =>
                MetricKind.Counter,
            _ when type.Contains("UpDownCounter", StringComparison.Ordinal) => MetricKind.UpDownCounter,
            _ => MetricKind.Gauge,
        };
    }

    private static double[]? Advice(Instrument instrument) =>
        instrument switch
        {
            Histogram<double> histogram => Bounds(histogram.Advice),
            Histogram<long> histogram => Bounds(histogram.Advice),
            Histogram<int> histogram => Bounds(histogram.Advice),
            _ => null,
        };

    private static double[]? Bounds<T>(InstrumentAdvice<T>? advice)
        where T : struct =>
        advice?.HistogramBucketBoundaries is { } boundaries
            ? [.. boundaries.Select(static bound => Convert.ToDouble(bound, System.Globalization.CultureInfo.InvariantCulture))]
            : null;
}
