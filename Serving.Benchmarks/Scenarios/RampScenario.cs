using System.Diagnostics;
using System.Globalization;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>A load that grows in steps from zero: replicas follow it, and no request fails.</summary>
internal sealed class RampScenario : IScenario
{
    private const string Name = "bench-ramp";

    /// <summary>The concurrent requests of a pod that the autoscaler aims at: its target of 100, at 70 % utilization.</summary>
    private const double PodConcurrency = 70;

    /// <summary>The time that the program takes, in seconds.</summary>
    private const double Sleep = 0.1;

    public ScenarioText Text { get; } =
        new(
            "ramp",
            "From zero in steps",
            """
            `samples/Autoscale`, which waits 100 ms, at zero; then the rate rises in steps up to 3,000 requests a second, evenly
            spaced, sent whether or not earlier ones were answered, through the gateway. Target: 100 concurrent requests a pod,
            window 10 s. Ideal is the rate × 100 ms / 70, the number of pods that the autoscaler aims at.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings) =>
        run.WithClusterAsync(async cluster =>
        {
            await cluster.ApplyAsync(ClusterServices.Yaml(Name, "autoscale", ("initial-scale", "0"), ("target", "100"), ("window", "10s")));
            await cluster.ReadyAsync([Name]);
            using var load = new OpenLoad(new Uri($"http://{cluster.Gateway}/?sleep=100"), ClusterServices.HostOf(Name));
            var steps = await StepsAsync(run, findings);
            using var ended = new CancellationTokenSource();
            var replicas = ReplicasAsync(cluster, ended.Token);
            var result = await load.RunAsync(steps);
            await ended.CancelAsync();
            Report(findings, steps, result, await replicas);
            await cluster.DeleteAsync(Name);
        });

    private static async Task<IReadOnlyList<LoadStep>> StepsAsync(ScenarioRun run, Findings findings)
    {
        if (run.Options.Short)
            return [new LoadStep(20, TimeSpan.FromSeconds(1)), new LoadStep(50, TimeSpan.FromSeconds(1))];
        var port = FreePorts.Next();
        await using var user = new LocalProcess(
            "dotnet",
            [typeof(RampScenario).Assembly.Location, "user-container", port.ToString(CultureInfo.InvariantCulture)]
        );
        var direct = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));
        await Sidecar.RespondsAsync(user, direct, TimeSpan.FromMilliseconds(50));
        using var load = new OpenLoad(direct, null);
        var most = await OfferedRate.FindAsync(load, 3_000, TimeSpan.FromSeconds(4));
        if (most < 3_000)
            findings.Note(
                $"The client on this machine sends {most:0} requests a second on time, not 3,000: that is the highest step here."
            );
        return [.. Enumerable.Range(1, 6).Select(step => new LoadStep(most * step / 6, TimeSpan.FromSeconds(12)))];
    }

    /// <summary>The ready pods over time, in seconds, until cancelled.</summary>
    private static async Task<IReadOnlyList<(double Second, int Ready)>> ReplicasAsync(MeasuredHost cluster, CancellationToken cancellation)
    {
        var samples = new List<(double, int)>();
        var watch = Stopwatch.StartNew();
        while (!cancellation.IsCancellationRequested)
        {
            samples.Add((watch.Elapsed.TotalSeconds, await cluster.PodsAsync(Name, ready: true)));
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return samples;
    }

    private static void Report(
        Findings findings,
        IReadOnlyList<LoadStep> steps,
        LoadResult result,
        IReadOnlyList<(double Second, int Ready)> replicas
    )
    {
        findings.Figure("requests that failed", "", result.Failed, new Goal(0));
        findings.Figure("requests", "", result.Requests.Count);
        findings.Figure("highest rate", "requests/s", steps.Max(static step => step.Rate));
        findings.Figure("p50", "ms", result.Latency(0.5));
        findings.Figure("p99", "ms", result.Latency(0.99));
        findings.Figure("sent late, p99", "ms", result.Late(0.99));
        findings.Figure("most pods", "", replicas.Max(static one => one.Ready));
        foreach (var failure in result.Failures.Distinct())
            findings.Note($"Failed: {failure}");
        var (xs, ideal) = (new List<double>(), new List<double>());
        var begin = 0.0;
        foreach (var step in steps)
        {
            xs.AddRange([begin, begin += step.Duration.TotalSeconds]);
            ideal.AddRange(Enumerable.Repeat(Math.Ceiling(step.Rate * Sleep / PodConcurrency), 2));
        }

        findings.Plot(
            new PlotSpec(
                "ramp-replicas",
                PlotKind.Lines,
                "Ready pods while the rate rises in steps",
                "s",
                "pods",
                [
                    new PlotSeries("ideal", xs, ideal, Reference: true),
                    new PlotSeries(
                        "ready",
                        [.. replicas.Select(static one => one.Second)],
                        [.. replicas.Select(static one => (double)one.Ready)]
                    ),
                ],
                []
            )
        );
    }
}
