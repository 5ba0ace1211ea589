namespace Serving.Benchmarks.Report.Model;

/// <summary>Percentiles by the nearest rank, so that each is a value that was measured.</summary>
internal static class Percentile
{
    /// <summary>The smallest value that at least <paramref name="share"/> of all values do not exceed.</summary>
    /// <param name="values">In any order; at least one.</param>
    /// <param name="share">From 0 to 1.</param>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static double Of(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("There are no values.", nameof(values));
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
