namespace Serving.Benchmarks.Load;

/// <summary>Finds the rate that the client on this machine can offer: above it, a measurement is one of the client.</summary>
internal static class OfferedRate
{
    /// <summary>Requests sent later than this were not sent on time.</summary>
    private const double LateMilliseconds = 5;

    /// <summary>The least rate that is tried.</summary>
    private const double Least = 50;

    /// <summary>Halves the wanted rate until 99 of 100 requests are sent on time and none fails; at <see cref="Least"/> it gives up and
    /// returns that.</summary>
    /// <param name="load">A load of the cheapest path.</param>
    /// <param name="wanted">The wanted rate.</param>
    /// <param name="trial">The duration of a trial.</param>
    public static async Task<double> FindAsync(OpenLoad load, double wanted, TimeSpan trial)
    {
        // The first requests open the connections and compile the code.
        await load.RunAsync(new LoadStep(Math.Min(wanted, 100), TimeSpan.FromSeconds(1)));
        for (var rate = wanted; rate > Least; rate /= 2)
        {
            var result = await load.RunAsync(new LoadStep(rate, trial));
            if (result.Failed == 0 && result.Late(0.99) <= LateMilliseconds)
                return rate;
        }

        return Math.Min(wanted, Least);
    }
}
