namespace Serving.Benchmarks.Report.Model;

/// <summary>The median of the rounds of a measurement, with the lowest and the highest round: one number alone hides how much a machine
/// with other work varies.</summary>
/// <param name="Median">The median; the mean of the two in the middle when the number of rounds is even.</param>
/// <param name="Low">The lowest.</param>
/// <param name="High">The highest.</param>
internal sealed record Spread(double Median, double Low, double High)
{
    /// <summary>Of one or more rounds.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static Spread Of(IEnumerable<double> rounds)
    {
        double[] sorted = [.. rounds.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("There are no rounds to take a median of.", nameof(rounds));
        var middle = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1]);
    }

    /// <summary>Of the quotients of rounds measured next to each other, so that what slows both down cancels out.</summary>
    /// <exception cref="ArgumentException">The numbers of rounds differ.</exception>
    public static Spread OfRatios(IReadOnlyList<double> measured, IReadOnlyList<double> baseline)
    {
        if (measured.Count != baseline.Count)
            throw new ArgumentException($"{measured.Count} rounds cannot be compared with {baseline.Count}.", nameof(baseline));
        return Of(measured.Zip(baseline, static (one, other) => one / other));
    }

    /// <summary>A value that is measured once.</summary>
    public static Spread Once(double value) => new(value, value, value);
}
