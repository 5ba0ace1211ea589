namespace Serving.Observability.Metrics;

/// <summary>One set of tags of an instrument, with its values. Thread-safe and lock-free.</summary>
/// <param name="tags">The tags.</param>
/// <param name="labels">The tags as text of a sample, without braces.</param>
/// <param name="bounds">The upper bounds of the buckets of a histogram; null for other kinds.</param>
/// <param name="order">Its place among the series of the instrument.</param>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] tags, string labels, double[]? bounds, long order)
{
    private readonly long[]? _buckets = bounds is null ? null : new long[bounds.Length + 1];
    private double _value;
    private volatile bool _changed = true;
    private volatile bool _isRemoved;

    // One for each bucket of a histogram, one for a counter; created with the first.
    private Exemplar?[]? _exemplars;

    public KeyValuePair<string, object?>[] Tags => tags;

    public string Labels => labels;

    public double[]? Bounds => bounds;

    public long Order => order;

    /// <summary>The collection that last observed it; used for observable instruments.</summary>
    public int Round { get; set; }

    /// <summary>Whether it is no longer exported, so that a recording needs another one.</summary>
    public bool IsRemoved
    {
        get => _isRemoved;
        set => _isRemoved = value;
    }

    /// <summary>The sum, or the last value.</summary>
    public double Value => Volatile.Read(ref _value);

    /// <summary>The number of recordings in bucket <paramref name="index"/> (not cumulative).</summary>
    public long Bucket(int index) => Volatile.Read(ref _buckets![index]);

    /// <summary>The newest exemplar of bucket <paramref name="index"/>, or of a counter at 0; null for none.</summary>
    public Exemplar? ExemplarOf(int index) => Volatile.Read(ref _exemplars) is { } all ? Volatile.Read(ref all[index]) : null;

    /// <summary>Whether these are its tags, and the same objects; equal tags of other objects need a comparison of their values.</summary>
    public bool HasSame(ReadOnlySpan<KeyValuePair<string, object?>> candidate)
    {
        var own = tags;
        if (candidate.Length != own.Length)
        {
            return false;
        }

        for (var i = own.Length - 1; i >= 0; i--)
        {
            if (!ReferenceEquals(candidate[i].Value, own[i].Value) || !ReferenceEquals(candidate[i].Key, own[i].Key))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether it has changed since the last call.</summary>
    public bool TakeChanged()
    {
        // Before the values are read: a later change is reported by the next call.
        var changed = _changed;
        _changed = false;
        return changed;
    }

    public void Set(double next)
    {
        Volatile.Write(ref _value, next);
        MarkChanged();
    }

    public void Add(double amount, Exemplar? exemplar)
    {
        Sum(amount);
        Keep(0, exemplar);
        MarkChanged();
    }

    public void Record(double measured, Exemplar? exemplar)
    {
        var index = Array.BinarySearch(bounds!, measured);
        index = index < 0 ? ~index : index;
        Interlocked.Increment(ref _buckets![index]);
        Sum(measured);
        Keep(index, exemplar);
        MarkChanged();
    }

    private void Sum(double amount)
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

    private void Keep(int index, Exemplar? exemplar)
    {
        if (exemplar is null)
        {
            return;
        }

        var all = Volatile.Read(ref _exemplars);
        if (all is null)
        {
            var created = new Exemplar?[_buckets?.Length ?? 1];
            all = Interlocked.CompareExchange(ref _exemplars, created, null) ?? created;
        }

        Volatile.Write(ref all[index], exemplar);
    }

    private void MarkChanged()
    {
        // Most recordings find it set, and do not write to the shared cache line.
        if (!_changed)
        {
            _changed = true;
        }
    }
}
