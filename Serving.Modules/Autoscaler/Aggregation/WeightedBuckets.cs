namespace Serving.Autoscaler.Aggregation;

/// <summary>Buckets with an exponentially weighted average (<c>weighted-exponential</c>): the weight of each older second decreases by a
/// constant factor.</summary>
internal sealed class WeightedBuckets : TimedBuckets
{
    private const double LeastDecay = 0.2;
    private const double SumOfWeights = 0.9999;

    private double _decay;

    /// <param name="window">The window, one second or more.</param>
    public WeightedBuckets(TimeSpan window)
        : base(window) => _decay = DecayOf(Count);

    public override double Average(DateTimeOffset now)
    {
        if (IsEmpty(now))
            return 0;

        // Stats arrive once per second, so the current second may still get one: it is silent only when it is over. Otherwise an autoscaler
        // that decides just before each stat would see a fraction of a steady load for ever.
        var silent = Math.Max(0, SecondOf(now) - Last!.Value - 1);
        var weight = _decay * Math.Pow(1 - _decay, silent);
        var sum = 0.0;
        for (var back = 0; back < Count - silent; back++)
        {
            sum += this[Last.Value - back] * weight;
            weight *= 1 - _decay;
        }

        return sum;
    }

    public override void Resize(TimeSpan window, DateTimeOffset now)
    {
        base.Resize(window, now);
        _decay = DecayOf(Count);
    }

    /// <summary>The decay at which the weights of the window nearly add up to one, but at least a fifth per second.</summary>
    private static double DecayOf(int seconds) => Math.Max(1 - Math.Pow(1 - SumOfWeights, 1.0 / seconds), LeastDecay);
}
