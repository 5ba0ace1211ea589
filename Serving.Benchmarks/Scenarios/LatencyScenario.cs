using System.Globalization;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>What each hop adds to the latency of a program that takes 100 ms.</summary>
internal sealed class LatencyScenario : IScenario
{
    private const string Name = "bench-sleep";
    private const string Revision = Name + "-00001";
    private const string Query = "/?sleep=100";

    public ScenarioText Text { get; } =
        new(
            "latency",
            "Latency at a fixed rate",
            """
            1,000 requests a second, evenly spaced and sent whether or not earlier ones were answered, to `samples/Autoscale`,
            which waits 100 ms. Latency counts from the time at which a request was due, so the delay of a stalled server, or of
            the client, is in it. *direct*: to the program; *sidecar*: to its pod; *activator*: to the activator, which forwards
            to the pod; *gateway*: to the gateway, which calls the activator in its process (mode Proxy), the longest path.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings) =>
        run.WithClusterAsync(async cluster =>
        {
            await cluster.ApplyOnePodAsync(Name, "autoscale", proxied: true);
            var pod = await cluster.AddressAsync(ClusterServices.Namespace, Revision + "-private");
            var activator = await cluster.AddressAsync(ClusterServices.Namespace, Revision);
            var port = ProcessCpu.UserPort(Revision);
            (string Name, OpenLoad Load, Goal? Goal)[] paths =
            [
                ("direct", new OpenLoad(Target($"127.0.0.1:{port}"), null), null),
                ("sidecar", new OpenLoad(Target(pod), null), new Goal(102)),
                ("activator", ToActivator(activator), new Goal(103)),
                ("gateway", new OpenLoad(Target(cluster.Gateway.ToString()), ClusterServices.HostOf(Name)), new Goal(104)),
            ];
            try
            {
                await MeasureAsync(run, findings, paths);
            }
            finally
            {
                foreach (var path in paths)
                    path.Load.Dispose();
            }

            await cluster.DeleteAsync(Name);
        });

    private static async Task MeasureAsync(
        ScenarioRun run,
        Findings findings,
        IReadOnlyList<(string Name, OpenLoad Load, Goal? Goal)> paths
    )
    {
        var rate = await OfferedRate.FindAsync(
            paths[0].Load,
            run.Options.Short ? 50 : 1_000,
            TimeSpan.FromSeconds(run.Options.Short ? 1 : 4)
        );
        if (!run.Options.Short && rate < 1_000)
            findings.Note($"The client on this machine sends {rate:0} requests a second on time, not 1,000: that is the rate here.");
        foreach (var path in paths)
            await path.Load.RunAsync(new LoadStep(rate, run.Options.WarmUp));
        var rounds = paths.ToDictionary(static one => one.Name, static _ => new List<LoadResult>());
        for (var round = 0; round < run.Options.Rounds; round++)
        {
            foreach (var path in paths)
                rounds[path.Name].Add(await path.Load.RunAsync(new LoadStep(rate, run.Options.Load)));
        }

        foreach (var (name, _, goal) in paths)
        {
            findings.Figure($"{name}, p95", "ms", Spread.Of(rounds[name].Select(static one => one.Latency(0.95))), goal);
        }

        findings.Figure(
            "requests that failed, all paths",
            "",
            rounds.Values.SelectMany(static one => one).Sum(static one => one.Failed),
            new Goal(0)
        );

        double[] direct = [.. rounds[paths[0].Name].Select(static one => one.Latency(0.95))];
        foreach (var (name, _, _) in paths.Skip(1))
        {
            findings.Figure(
                $"{name}, p95 above direct",
                "ms",
                Spread.Of(rounds[name].Select(static one => one.Latency(0.95)).Zip(direct, static (own, without) => own - without))
            );
        }

        findings.Table(
            new ResultTable(
                string.Create(CultureInfo.InvariantCulture, $"Milliseconds at {rate:0} requests/s, medians of the rounds"),
                ["path", "p50", "p95", "p99", "sent late, p99"],
                [
                    .. rounds.Select(static one =>
                        (IReadOnlyList<string>)
                            [
                                one.Key,
                                Cell(one.Value, static result => result.Latency(0.5)),
                                Cell(one.Value, static result => result.Latency(0.95)),
                                Cell(one.Value, static result => result.Latency(0.99)),
                                Cell(one.Value, static result => result.Late(0.99)),
                            ]
                    ),
                ]
            )
        );
    }

    private static OpenLoad ToActivator(string address) =>
        new(Target(address), null)
        {
            Headers = [("Knative-Serving-Namespace", ClusterServices.Namespace), ("Knative-Serving-Revision", Revision)],
        };

    private static Uri Target(string address) => new($"http://{address}{Query}");

    private static string Cell(IEnumerable<LoadResult> rounds, Func<LoadResult, double> value) =>
        Spread.Of(rounds.Select(value)).Median.ToString("0.0", CultureInfo.InvariantCulture);
}
