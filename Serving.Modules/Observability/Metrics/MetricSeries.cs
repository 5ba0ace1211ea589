namespace Serving.Observability.Metrics;

/// <summary>One set of tags of an instrument, with its values.</summary>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] tags, double[]? bounds)
{
    private readonly long[]? _buckets = bounds is null ? null : new long[bounds.Length + 1];
    private double _value;
    private long _count;

    public KeyValuePair<string, object?>[] Tags => tags;

    public double[]? Bounds => bounds;

    /// <summary>The sum, or the last value.</summary>
    public double Value => Volatile.Read(ref _value);

    /// <summary>The number of recordings of a histogram.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>The number of recordings in bucket <paramref name="index"/> (not cumulative).</summary>
    public long Bucket(int index) => Volatile.Read(ref _buckets![index]);

    public bool Has(ReadOnlySpan<KeyValuePair<string, object?>> candidate)
    {
        if (candidate.Length != tags.Length)
        {
            return false;
        }

        for (var i = 0; i < tags.Length; i++)
        {
            if (!string.Equals(tags[i].Key, candidate[i].Key, StringComparison.Ordinal) || !Equals(tags[i].Value, candidate[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    public void Set(double next) => Volatile.Write(ref _value, next);

    public void Add(double amount)
    {
        var before = Volatile.Read(ref _value);
        while (true)
        {
            var seen = Interlocked.CompareExchange(ref _value, before + amount, before);
            if (seen.Equals(before))
            {
                return;
            }

            before = seen;
        }
    }

    public void Record(double measured)
    {
        var index = Array.BinarySearch(bounds!, measured);
        Interlocked.Increment(ref _buckets![index < 0 ? ~index : index]);
        Interlocked.Increment(ref _count);
        Add(measured);
    }
}
