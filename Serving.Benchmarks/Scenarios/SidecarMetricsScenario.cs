using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>The queue-proxy with metrics of its requests beside the one without.</summary>
internal sealed class SidecarMetricsScenario : IScenario
{
    /// <summary>How often the two of a pair are measured in turn.</summary>
    private const int Turns = 2;

    /// <summary>Pairs of processes in a round of the report: two processes of one program differ more than two turns of one, so many
    /// pairs measured for a short time say more than few measured for long.</summary>
    private const int Pairs = 8;

    public ScenarioText Text { get; } =
        new(
            "sidecar-metrics",
            "Metrics at the sidecar",
            """
            The queue-proxy with `request-metrics-protocol: prometheus`, which records two histograms a request, beside the same program
            with telemetry off; wrk with 32 connections kept open. Two processes of one program differ by up to 5 %, so each round starts
            new pairs of them, in both orders, measures the two in short turns, and has the medians of the ratios of neighbouring turns.
            """
        );

    public async Task RunAsync(ScenarioRun run, Findings findings)
    {
        if (!Wrk.IsInstalled)
        {
            findings.NotMeasured("the cost of metrics: wrk is not on the PATH (Debian: `apt-get install wrk`).");
            return;
        }

        var options = run.Options;
        var (turns, turn) = options.Short ? (1, options.Load) : (Turns, options.Load / 6);
        var port = FreePorts.Next();
        await using var user = await SidecarScenario.StartProgramAsync(port);
        foreach (var program in options.QueueProxies)
        {
            var (cpu, rates) = (new List<double>(), new List<double>());
            for (var pair = 0; pair < (options.Short ? 1 : options.Rounds * Pairs); pair++)
            {
                var metricsFirst = pair % 2 == 1;
                await using var one = await Sidecar.StartAsync(program, port, hasMetrics: metricsFirst);
                await using var other = await Sidecar.StartAsync(program, port, hasMetrics: !metricsFirst);
                var samples = await Contender.MeasureAsync([Of(metricsFirst, one), Of(!metricsFirst, other)], turns, turn, turn);
                cpu.Add(Ratio(samples, static one => one.Microseconds));
                rates.Add(Ratio(samples, static one => one.RequestsPerSecond));
            }

            var name = SidecarScenario.Label(program);
            findings.Figure($"CPU per request: {name} with metrics / without", "×", Spread.Of(cpu), new Goal(1.03));
            findings.Figure($"requests/s: {name} with metrics / without", "×", Spread.Of(rates), new Goal(0.97, AtLeast: true));
        }
    }

    private static Contender Of(bool hasMetrics, Sidecar sidecar) => SidecarScenario.ContenderOf(hasMetrics ? "metrics" : "off", sidecar);

    private static double Ratio(IReadOnlyDictionary<string, IReadOnlyList<ContenderSample>> samples, Func<ContenderSample, double> value) =>
        Spread.OfRatios([.. samples["metrics"].Select(value)], [.. samples["off"].Select(value)]).Median;
}
