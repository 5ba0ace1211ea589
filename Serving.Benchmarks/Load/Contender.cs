namespace Serving.Benchmarks.Load;

/// <summary>A path of requests that is compared with others.</summary>
/// <param name="Name">Its name in the report.</param>
/// <param name="Load">The requests.</param>
/// <param name="Cpu">The CPU time that the measured processes have used so far.</param>
/// <param name="Mebibytes">Their resident memory.</param>
internal sealed record Contender(string Name, IClosedLoad Load, Func<TimeSpan> Cpu, Func<double> Mebibytes)
{
    /// <summary>Measures contenders in turn, after a warm-up of each: what the machine does besides hits all of them alike.</summary>
    /// <param name="contenders">The contenders.</param>
    /// <param name="rounds">How often each is measured.</param>
    /// <param name="warmUp">For how long each is under load before the first round.</param>
    /// <param name="duration">The duration of a measurement.</param>
    /// <exception cref="InvalidOperationException">A request failed.</exception>
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<ContenderSample>>> MeasureAsync(
        IReadOnlyList<Contender> contenders,
        int rounds,
        TimeSpan warmUp,
        TimeSpan duration
    )
    {
        var samples = contenders.ToDictionary(static one => one.Name, static _ => new List<ContenderSample>());
        foreach (var contender in contenders)
            await contender.MeasureAsync(warmUp);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var contender in contenders)
                samples[contender.Name].Add(await contender.MeasureAsync(duration));
        }

        return samples.ToDictionary(static one => one.Key, static one => (IReadOnlyList<ContenderSample>)one.Value);
    }

    private async Task<ContenderSample> MeasureAsync(TimeSpan duration)
    {
        var before = Cpu();
        var output = await Load.RunAsync(duration);
        var used = Cpu() - before;
        if (output.Errors > 0 || output.Requests == 0)
            throw new InvalidOperationException($"{Name}: {output.Errors} of {output.Requests} requests failed.");
        return new ContenderSample(
            output.RequestsPerSecond,
            used.TotalMicroseconds / output.Requests,
            output.P50Milliseconds,
            output.P99Milliseconds,
            Mebibytes()
        );
    }
}
