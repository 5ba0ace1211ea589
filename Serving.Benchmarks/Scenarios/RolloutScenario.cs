using System.Diagnostics;
using System.Globalization;
using Serving.Api;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;
using Serving.Kubernetes.Client;

namespace Serving.Benchmarks.Scenarios;

/// <summary>New revisions while requests come.</summary>
internal sealed class RolloutScenario : IScenario
{
    private const string Name = "bench-rollout";

    /// <summary>The load ends with the updates, and at the latest after this time.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(15);

    /// <summary>The patch that makes a new revision.</summary>
    private const string Template = """{"spec":{"template":{"metadata":{"annotations":{"bench/update":"UPDATE"}}}}}""";

    public ScenarioText Text { get; } =
        new(
            "rollout",
            "Rolling update under load",
            """
            200 requests a second, evenly spaced, sent whether or not earlier ones were answered, through the gateway to
            `samples/HelloWorld`, which gets a new revision several times meanwhile. An update lasts from the write of the Service
            until it is Ready with the new revision, and two more seconds, in which the old pod drains.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings) =>
        run.WithClusterAsync(async cluster =>
        {
            await cluster.ApplyAsync(ClusterServices.Yaml(Name, "helloworld", ("min-scale", "1")));
            await cluster.ReadyAsync([Name]);
            await cluster.RespondsAsync(ClusterServices.HostOf(Name));
            var (rate, updates) = run.Options.Short ? (20.0, 1) : (200.0, 5);
            var quiet = run.Options.Short ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(8);
            using var load = new OpenLoad(new Uri($"http://{cluster.Gateway}/"), ClusterServices.HostOf(Name));
            await load.RunAsync(new LoadStep(rate, run.Options.WarmUp));
            using var ended = new CancellationTokenSource();
            var watch = Stopwatch.StartNew();
            var loading = load.RunAsync([new LoadStep(rate, LongestRun)], ended.Token);
            IReadOnlyList<(double From, double To)> windows;
            try
            {
                windows = await UpdateAsync(cluster, watch, updates, quiet);
            }
            finally
            {
                await ended.CancelAsync();
                await loading;
            }

            Report(findings, await loading, windows);
            await cluster.DeleteAsync(Name);
        });

    /// <summary>Makes new revisions; returns when each update began and ended, in seconds of the watch.</summary>
    private static async Task<IReadOnlyList<(double From, double To)>> UpdateAsync(
        MeasuredHost cluster,
        Stopwatch watch,
        int updates,
        TimeSpan quiet
    )
    {
        var windows = new List<(double, double)>();
        for (var update = 1; update <= updates; update++)
        {
            await Task.Delay(quiet);
            var from = watch.Elapsed.TotalSeconds;
            var patch = Template.Replace("UPDATE", update.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
            var service = await cluster.Client.PatchAsync(
                Resources.KnativeServices,
                ClusterServices.Namespace,
                Name,
                new Patch(PatchType.Merge, patch),
                CancellationToken.None
            );
            if (service.Metadata.Generation != update + 1)
                throw new InvalidOperationException($"Update {update} gave generation {service.Metadata.Generation}.");
            await cluster.ReadyAsync([Name]);
            await Task.Delay(TimeSpan.FromSeconds(2));
            windows.Add((from, watch.Elapsed.TotalSeconds));
        }

        await Task.Delay(quiet);
        return windows;
    }

    private static void Report(Findings findings, LoadResult result, IReadOnlyList<(double From, double To)> windows)
    {
        var requests = result.Requests.ToLookup(one => windows.Any(window => one.DueSeconds >= window.From && one.DueSeconds <= window.To));
        findings.Figure("requests that failed", "", result.Failed, new Goal(0));
        findings.Figure("requests", "", result.Requests.Count);
        findings.Figure("updates", "", windows.Count);
        findings.Figure("an update", "s", Spread.Of(windows.Select(static window => window.To - window.From)));
        findings.Figure("p99 during updates", "ms", Percentile.Of(requests[true].Select(static one => one.LatencyMilliseconds), 0.99));
        findings.Figure("p99 outside of them", "ms", Percentile.Of(requests[false].Select(static one => one.LatencyMilliseconds), 0.99));
        foreach (var failure in result.Failures.Distinct())
            findings.Note($"Failed: {failure}");
        (double Second, double P99)[] seconds =
        [
            .. result
                .Requests.GroupBy(static one => Math.Floor(one.DueSeconds))
                .Select(static second => (second.Key, Percentile.Of(second.Select(static one => one.LatencyMilliseconds), 0.99))),
        ];
        var half = seconds.Max(static one => one.P99) / 2;
        findings.Plot(
            new PlotSpec(
                "rollout-p99",
                PlotKind.Lines,
                "p99 of each second; the dashed line is up during updates",
                "s",
                "ms",
                [
                    new PlotSeries("p99", [.. seconds.Select(static one => one.Second)], [.. seconds.Select(static one => one.P99)]),
                    new PlotSeries(
                        "update",
                        [.. windows.SelectMany(static window => (double[])[window.From, window.From, window.To, window.To])],
                        [.. windows.SelectMany(_ => (double[])[0, half, half, 0])],
                        Reference: true
                    ),
                ],
                []
            )
        );
    }
}
