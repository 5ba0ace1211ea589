using System.Diagnostics.Metrics;
using Serving.Instruments;
using Series = System.Collections.Concurrent.ConcurrentDictionary<
    System.Collections.Generic.KeyValuePair<string, object?>[],
    Serving.Observability.Metrics.MetricSeries
>;

namespace Serving.Observability.Metrics;

/// <summary>
/// The series of one instrument. Invariant: a recording with known tags takes no lock and allocates nothing. A counter or histogram has at
/// most <see cref="PrometheusOptions.MaxSeries"/> series and one that aggregates all others. A gauge drops the others: their last value
/// means nothing. An observable instrument reports what exists when it is collected, so its series need no bound.
/// </summary>
internal sealed class MetricInstrument
{
    private static readonly double[] SecondsBounds = [.. SecondsBuckets.Short.HistogramBucketBoundaries!];
    private static readonly double[] DefaultBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
    private static readonly KeyValuePair<string, object?>[] OverflowTags = [new("otel.metric.overflow", true)];

    /// <summary>
    /// What .NET publishes as a counter although it falls: Prometheus would take each fall for a restart of the process. OpenTelemetry's
    /// conventions for .NET say that they are up-down counters.
    /// </summary>
    private static readonly string[] FallingRuntimeCounters = ["dotnet.thread_pool.thread.count", "dotnet.thread_pool.queue.length"];

    /// <summary>How often a full instrument looks for series that have ended.</summary>
    private static readonly TimeSpan MakeRoomEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly MetricKind _kind;
    private readonly double[]? _bounds;
    private readonly ISeriesLifetime? _lifetime;
    private readonly PrometheusOptions _options;
    private readonly TimeProvider _time;
    private readonly bool _isSet;
    private readonly Series _series = new(TagComparer.Instance);
    private readonly Series.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _bySpan;
    private MetricSeries? _recent;
    private MetricSeries? _overflow;
    private long _created;
    private int _count;
    private long _madeRoom;
    private int _round;
    private int _isReported;

    public MetricInstrument(Instrument instrument, PrometheusOptions options)
    {
        Instrument = instrument;
        _options = options;
        _time = options.Time;
        _lifetime = instrument.Meter.Scope as ISeriesLifetime;
        _kind = KindOf(instrument);
        _isSet = instrument.IsObservable || _kind == MetricKind.Gauge;
        _bounds = _kind == MetricKind.Histogram ? Advice(instrument) ?? (instrument.Unit == "s" ? SecondsBounds : DefaultBounds) : null;
        _bySpan = _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        Name = PrometheusNames.Metric(instrument.Name, instrument.Unit, _kind == MetricKind.Counter, _kind == MetricKind.Gauge);
    }

    public Instrument Instrument { get; }

    public string Name { get; }

    public MetricKind Kind => _kind;

    public void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Most requests of a sidecar are of one kind, whose tags are the same objects: no hash of their texts is needed.
        var target = Volatile.Read(ref _recent) is { IsRemoved: false } recent && recent.HasSame(tags) ? recent : Find(tags);
        if (target is null)
        {
            return;
        }

        if (_isSet)
        {
            target.Round = _round;
            target.Set(value);
        }
        else if (_kind == MetricKind.Histogram)
        {
            target.Record(value, Exemplar.Of(value, _time));
        }
        else
        {
            target.Add(value, _kind == MetricKind.Counter ? Exemplar.Of(value, _time) : null);
        }
    }

    /// <summary>Marks the start of a collection, before observable instruments are observed.</summary>
    public void BeginCollection() => _round++;

    /// <summary>
    /// The series to export, in the order of their creation. Removes those that an observable instrument no longer reports, and those that
    /// have ended and were exported since their last change.
    /// </summary>
    public List<MetricSeries> Collect()
    {
        foreach (var tags in InitialSeries.Of(Instrument))
        {
            if (!_series.ContainsKey(tags))
            {
                Add(tags);
            }
        }

        var result = new List<MetricSeries>(Volatile.Read(ref _count) + 1);
        foreach (var (tags, series) in _series)
        {
            var changed = series.TakeChanged();
            if (Instrument.IsObservable ? series.Round == _round : changed || _lifetime is null || _lifetime.IsCurrent(tags))
            {
                result.Add(series);
            }
            else
            {
                Remove(tags);
            }
        }

        if (Volatile.Read(ref _overflow) is { } overflow)
        {
            result.Add(overflow);
        }

        result.Sort(static (one, other) => one.Order.CompareTo(other.Order));
        return result;
    }

    /// <summary>The series of these tags; the aggregated one while there are too many, null for a gauge.</summary>
    private MetricSeries? Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if ((_bySpan.TryGetValue(tags, out var known) ? known : Add(tags)) is { } found)
        {
            Volatile.Write(ref _recent, found);
            return found;
        }

        ReportOverflow();
        return _isSet ? null : Overflow;
    }

    /// <summary>Adds a series, unless there are too many.</summary>
    private MetricSeries? Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Without the lock while it is full: then every recording with unknown tags comes here.
        if (IsFull && !MayMakeRoom)
        {
            return null;
        }

        lock (_gate)
        {
            if (_bySpan.TryGetValue(tags, out var there))
            {
                return there;
            }

            if (IsFull)
            {
                MakeRoom();
                if (IsFull)
                {
                    return null;
                }
            }

            var key = tags.ToArray();
            var added = Create(key);
            _series[key] = added;
            _count++;
            return added;
        }
    }

    private bool IsFull => !Instrument.IsObservable && Volatile.Read(ref _count) >= _options.MaxSeries;

    /// <summary>Whether series may have ended; looked for once a second.</summary>
    private bool MayMakeRoom => _lifetime is not null && _time.GetElapsedTime(Volatile.Read(ref _madeRoom)) >= MakeRoomEvery;

    private MetricSeries Overflow =>
        Volatile.Read(ref _overflow) is { } overflow
            ? overflow
            : Interlocked.CompareExchange(ref _overflow, Create(OverflowTags), null) ?? _overflow!;

    private void ReportOverflow()
    {
        OverflowedSeries.Count(Instrument.Name);
        if (Interlocked.Exchange(ref _isReported, 1) == 0)
        {
            OverflowedSeries.Log(_options.Logger, Instrument.Name, _options.MaxSeries);
        }
    }

    private MetricSeries Create(KeyValuePair<string, object?>[] tags) =>
        new(tags, PrometheusText.Labels(Instrument, tags), _bounds, Interlocked.Increment(ref _created));

    private void MakeRoom()
    {
        if (!MayMakeRoom)
        {
            return;
        }

        Volatile.Write(ref _madeRoom, _time.GetTimestamp());
        foreach (var (tags, _) in _series)
        {
            if (!_lifetime!.IsCurrent(tags))
            {
                Remove(tags);
            }
        }
    }

    private void Remove(KeyValuePair<string, object?>[] tags)
    {
        lock (_gate)
        {
            if (_series.TryRemove(tags, out var removed))
            {
                removed.IsRemoved = true;
                _count--;
            }
        }
    }

    private static MetricKind KindOf(Instrument instrument)
    {
        if (instrument.Meter.Name == "System.Runtime" && FallingRuntimeCounters.Contains(instrument.Name))
        {
            return MetricKind.UpDownCounter;
        }

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
