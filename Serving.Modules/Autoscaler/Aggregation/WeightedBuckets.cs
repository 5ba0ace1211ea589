namespace Serving.Autoscaler.Aggregation;

/// <summary>Buckets whose average weighs newer seconds more (<c>weighted-exponential</c>): each second back counts a fixed part less.</summary>
internal sealed class WeightedBuckets : TimedBuckets
{
    private const double LeastDecay = 0.2;
    private const double SumOfWeights = 0.9999;

    private double decay;

    /// <param name="window">The window, one second or more.</param>
    public WeightedBuckets(TimeSpan window)
        : base(window) => decay = DecayOf(Count);

    public override double Average(DateTimeOffset now)
    {
        if (IsEmpty(now)) return 0;
        var silent = Math.Max(0, SecondOf(now) - Last!.Value);
        var weight = decay * Math.Pow(1 - decay, silent);
        var sum = 0.0;
        for (var back = 0; back < Count - silent; back++)
        {
            sum += this[Last.Value - back] * weight;
            weight *= 1 - decay;
        }

        return sum;
    }

    public override void Resize(TimeSpan window, DateTimeOffset now)
    {
        base.Resize(window, now);
        decay = DecayOf(Count);
    }

    /// <summary>So fast that the weights of the window add up to nearly one, but never slower than a fifth a second.</summary>
    private static double DecayOf(int seconds) => Math.Max(1 - Math.Pow(1 - SumOfWeights, 1.0 / seconds), LeastDecay);
}
