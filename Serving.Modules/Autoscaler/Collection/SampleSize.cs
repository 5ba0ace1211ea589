namespace Serving.Autoscaler.Collection;

/// <summary>How many of a revision's pods are scraped: enough to estimate the mean with 95 % confidence, not all of them.</summary>
internal static class SampleSize
{
    private const double CriticalValueSquared = 1.96 * 1.96;
    private const double PopulationVariance = 100;
    private const double MarginOfErrorSquared = 5.0 * 5.0;
    private const double Unbounded = CriticalValueSquared * PopulationVariance / MarginOfErrorSquared;

    /// <summary>The number of pods to scrape out of <paramref name="population"/>; all if there are three or fewer.</summary>
    public static int Of(int population) =>
        population <= 3 ? Math.Max(population, 0) : (int)Math.Ceiling(population * Unbounded / (population + Unbounded - 1));
}
