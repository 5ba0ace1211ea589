namespace Serving.Autoscaler.Aggregation;

/// <summary>
/// Sums of values by the second, over a sliding window, and their average. Seconds without a value count as zero, but only
/// between the first and the last one seen: a young revision is averaged over the time it has been measured.
/// Not safe for concurrent use; whoever owns it locks.
/// </summary>
internal class TimedBuckets
{
    private double[] buckets;
    private long? first;
    private long? last;

    /// <param name="window">The window, one second or more.</param>
    public TimedBuckets(TimeSpan window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(window, TimeSpan.Zero);
        buckets = new double[CountOf(window)];
    }

    /// <summary>Seconds in the window.</summary>
    protected int Count => buckets.Length;

    /// <summary>The second of the newest value.</summary>
    protected long? Last => last;

    /// <summary>Whether no value lies within the window that ends now.</summary>
    public bool IsEmpty(DateTimeOffset now) => last is not { } newest || SecondOf(now) - newest > Count;

    /// <summary>Adds a value to the second it belongs to; one that is older than the window is left out.</summary>
    public void Record(DateTimeOffset now, double value)
    {
        var second = SecondOf(now);
        if (last is not { } newest || second - newest >= Count)
        {
            Array.Clear(buckets);
            first = last = second;
        }
        else if (second > newest)
        {
            for (var passed = newest + 1; passed <= second; passed++) this[passed] = 0;
            last = second;
        }
        else if (newest - second >= Count)
        {
            return;
        }
        else if (second < first)
        {
            first = second;
        }

        this[second] += value;
    }

    /// <summary>The average by the second over the part of the window that values are known of; rounded to 6 digits.</summary>
    public virtual double Average(DateTimeOffset now)
    {
        if (last is not { } newest) return 0;
        var silent = Math.Max(0, SecondOf(now) - newest);
        if (silent >= Count) return 0;
        var seconds = Math.Min(newest - first!.Value + 1, Count - silent);
        var sum = 0.0;
        for (var back = 0; back < Count - silent; back++) sum += this[newest - back];
        return Math.Round(sum / seconds, 6, MidpointRounding.AwayFromZero);
    }

    /// <summary>Changes the window and keeps the values that fit in.</summary>
    public virtual void Resize(TimeSpan window, DateTimeOffset now)
    {
        var old = buckets;
        var count = CountOf(window);
        if (count == old.Length) return;
        var keep = !IsEmpty(now);
        buckets = new double[count];
        if (!keep)
        {
            first = last = null;
            return;
        }

        for (var back = 0; back < Math.Min(count, old.Length); back++)
        {
            var second = last!.Value - back;
            this[second] = old[second % old.Length];
        }

        first = last!.Value - (old.Length - 1);
    }

    /// <summary>The sum of one second.</summary>
    protected double this[long second]
    {
        get => buckets[second % buckets.Length];
        private set => buckets[second % buckets.Length] = value;
    }

    protected static long SecondOf(DateTimeOffset time) => time.ToUnixTimeSeconds();

    private static int CountOf(TimeSpan window) => (int)Math.Ceiling(window.TotalSeconds);
}
