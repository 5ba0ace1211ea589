namespace Serving.Autoscaler.Aggregation;

/// <summary>
/// Per-second sums over a sliding window, and their average. Seconds without a value count as zero, but only between the first and the last
/// recorded one: a young revision is averaged over the time for which there are stats. Invariant: a window without values has no memory for
/// them, because most revisions are idle most of the time.
/// Not thread-safe; the owner synchronizes access.
/// </summary>
internal class TimedBuckets
{
    private double[] _buckets = [];
    private long? _first;
    private long? _last;

    /// <param name="window">The window, one second or more.</param>
    public TimedBuckets(TimeSpan window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(window, TimeSpan.Zero);
        Count = CountOf(window);
    }

    /// <summary>Seconds in the window.</summary>
    protected int Count { get; private set; }

    /// <summary>The second of the newest value.</summary>
    protected long? Last => _last;

    /// <summary>Whether the window that ends now contains no value.</summary>
    public bool IsEmpty(DateTimeOffset now) => _last is not { } newest || SecondOf(now) - newest > Count;

    /// <summary>Adds a value to its second; values older than the window are ignored.</summary>
    public void Record(DateTimeOffset now, double value)
    {
        var second = SecondOf(now);
        if (_last is not { } newest || second - newest >= Count)
        {
            Array.Resize(ref _buckets, Count);
            Array.Clear(_buckets);
            _first = _last = second;
        }
        else if (second > newest)
        {
            for (var passed = newest + 1; passed <= second; passed++)
                this[passed] = 0;
            _last = second;
        }
        else if (newest - second >= Count)
        {
            return;
        }
        else if (second < _first)
        {
            _first = second;
        }

        this[second] += value;
    }

    /// <summary>The per-second average over the part of the window that has values, rounded to 6 digits.</summary>
    public virtual double Average(DateTimeOffset now)
    {
        if (_last is not { } newest)
            return 0;
        var silent = Math.Max(0, SecondOf(now) - newest);
        if (silent >= Count)
            return 0;
        var seconds = Math.Min(newest - _first!.Value + 1, Count - silent);
        var sum = 0.0;
        for (var back = 0; back < Count - silent; back++)
            sum += this[newest - back];
        return Math.Round(sum / seconds, 6, MidpointRounding.AwayFromZero);
    }

    /// <summary>Changes the window and keeps the values within it.</summary>
    public virtual void Resize(TimeSpan window, DateTimeOffset now)
    {
        var old = _buckets;
        var count = CountOf(window);
        if (count == Count)
            return;
        if (IsEmpty(now))
            Clear();
        Count = count;
        if (_last is null)
            return;
        _buckets = new double[count];
        for (var back = 0; back < Math.Min(count, old.Length); back++)
        {
            var second = _last!.Value - back;
            this[second] = old[second % old.Length];
        }

        _first = _last!.Value - (old.Length - 1);
    }

    /// <summary>Removes all values.</summary>
    public void Clear()
    {
        _buckets = [];
        _first = _last = null;
    }

    /// <summary>The sum of one second.</summary>
    protected double this[long second]
    {
        get => _buckets[second % Count];
        private set => _buckets[second % Count] = value;
    }

    protected static long SecondOf(DateTimeOffset time) => time.ToUnixTimeSeconds();

    private static int CountOf(TimeSpan window) => (int)Math.Ceiling(window.TotalSeconds);
}
