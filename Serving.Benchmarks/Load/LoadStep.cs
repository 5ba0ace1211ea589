namespace Serving.Benchmarks.Load;

/// <summary>A part of a load.</summary>
/// <param name="Rate">Requests per second.</param>
/// <param name="Duration">For how long.</param>
internal sealed record LoadStep(double Rate, TimeSpan Duration)
{
    /// <summary>The times at which the requests of steps are due, after the start of the load: evenly spaced in each step.</summary>
    public static double[] DueSeconds(IReadOnlyList<LoadStep> steps)
    {
        var due = new List<double>();
        var begin = 0.0;
        foreach (var step in steps)
        {
            var count = (int)Math.Round(step.Rate * step.Duration.TotalSeconds);
            for (var i = 0; i < count; i++)
                due.Add(begin + (i / step.Rate));
            begin += step.Duration.TotalSeconds;
        }

        return [.. due];
    }
}
