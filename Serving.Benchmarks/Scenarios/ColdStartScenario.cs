using System.Diagnostics;
using System.Globalization;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>Requests to Services at zero, several Services at once.</summary>
internal sealed class ColdStartScenario : IScenario
{
    private const string Metric = "serving_cold_start_phase_duration_seconds";

    /// <summary>The memory of a pod: two .NET programs.</summary>
    private const int PodMebibytes = 120;

    private static readonly string[] Phases = ["decide", "scale_write", "schedule", "image_pull", "container_start", "ready", "first_byte"];
    private static readonly TimeSpan RecordingLimit = TimeSpan.FromSeconds(10);

    public ScenarioText Text { get; } =
        new(
            "cold-start",
            "Cold start",
            """
            N Services of `samples/HelloWorld` with `initial-scale: "0"` get one request each at the same moment. Pods are
            processes, so there is no image to pull, and all of them start on this machine's cores. Phases are the means of the
            metric [`serving.cold_start.phase.duration`](metrics.md#cold-starts-taken-apart).
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings) =>
        run.WithClusterAsync(async cluster =>
        {
            IReadOnlyList<(int Size, int Rounds)> sizes = run.Options.Short ? [(1, 1)] : [(1, 10), (5, 4), (25, 2), (100, 1)];
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(3) };
            if (!run.Options.Short)
                await RoundAsync(cluster, http, "cold-warm-up", 2);
            var rows = new List<IReadOnlyList<string>>();
            var measured = new List<(int Size, IReadOnlyDictionary<string, double> Means)>();
            foreach (var (size, rounds) in sizes)
            {
                var available = Machine.Kibibytes(await File.ReadAllTextAsync("/proc/meminfo"), "MemAvailable") / 1024;
                if (available < size * PodMebibytes)
                {
                    findings.NotMeasured(
                        $"{size} Services at once: their pods need {size * PodMebibytes} MiB, and {available} MiB are free."
                    );
                    continue;
                }

                var latencies = new List<double>();
                var before = await PhasesAsync(cluster);
                for (var round = 0; round < rounds; round++)
                    latencies.AddRange(await RoundAsync(cluster, http, $"cold-{size}-{round}", size));
                var means = Means(before, await RecordedAsync(cluster, before, latencies.Count));
                var (p50, p95) = (Percentile.Of(latencies, 0.5), Percentile.Of(latencies, 0.95));
                findings.Figure($"{size} at once, p50", "ms", p50);
                findings.Figure($"{size} at once, p95", "ms", p95);
                measured.Add((size, means));
                rows.Add([
                    Format(size),
                    Format(latencies.Count),
                    Format(p50),
                    Format(p95),
                    .. Phases.Select(phase => Format(means[phase])),
                ]);
            }

            findings.Table(
                new ResultTable(
                    "Milliseconds; phases are means",
                    ["at once", "requests", "p50", "p95", .. Phases.Select(static one => $"`{one}`")],
                    rows
                )
            );
            findings.Plot(
                new PlotSpec(
                    "cold-start",
                    PlotKind.StackedBars,
                    "Phases of a cold start",
                    "Services at once",
                    "ms, mean",
                    [
                        .. Phases.Select(phase => new PlotSeries(
                            phase,
                            [.. Enumerable.Range(0, measured.Count).Select(static index => (double)index)],
                            [.. measured.Select(one => one.Means[phase])]
                        )),
                    ],
                    [.. measured.Select(static one => Format(one.Size))]
                )
            );
        });

    /// <summary>Starts Services from zero at once, and deletes them; returns the latency of each first request in milliseconds.</summary>
    private static async Task<IReadOnlyList<double>> RoundAsync(MeasuredHost cluster, HttpClient http, string prefix, int size)
    {
        string[] names = [.. Enumerable.Range(0, size).Select(index => string.Create(CultureInfo.InvariantCulture, $"{prefix}-{index}"))];
        await cluster.ApplyAsync(
            string.Concat(names.Select(static name => ClusterServices.Yaml(name, "helloworld", ("initial-scale", "0"))))
        );
        await cluster.ReadyAsync(names);
        if (await cluster.PodsAsync() is > 0 and var pods)
            throw new InvalidOperationException($"{pods} pods run before the first request.");
        var latencies = await Task.WhenAll(names.Select(name => RequestAsync(cluster, http, name)));
        await cluster.DeleteAsync(names);
        return latencies;
    }

    private static async Task<double> RequestAsync(MeasuredHost cluster, HttpClient http, string name)
    {
        var started = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{cluster.Gateway}/"));
        request.Headers.Host = ClusterServices.HostOf(name);
        using var response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task<PhaseTotals> PhasesAsync(MeasuredHost cluster)
    {
        var text = await cluster.ScrapeAsync();
        return new PhaseTotals(MetricText.Sums(text, Metric + "_sum", "phase"), MetricText.Sums(text, Metric + "_count", "phase"));
    }

    /// <summary>The totals when all cold starts are recorded, which is after the responses.</summary>
    private static async Task<PhaseTotals> RecordedAsync(MeasuredHost cluster, PhaseTotals before, int starts)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var now = await PhasesAsync(cluster);
            if (now.Count(Phases[^1]) - before.Count(Phases[^1]) > starts - 0.5)
                return now;
            if (watch.Elapsed > RecordingLimit)
                throw new TimeoutException(
                    $"{now.Count(Phases[^1]) - before.Count(Phases[^1])} of {starts} cold starts are in the metrics."
                );
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private static Dictionary<string, double> Means(PhaseTotals before, PhaseTotals after) =>
        Phases.ToDictionary(
            static phase => phase,
            phase =>
                after.Count(phase) - before.Count(phase) is > 0.5 and var count
                    ? (after.Seconds.GetValueOrDefault(phase) - before.Seconds.GetValueOrDefault(phase)) / count * 1000
                    : 0
        );

    private static string Format(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private sealed record PhaseTotals(IReadOnlyDictionary<string, double> Seconds, IReadOnlyDictionary<string, double> Counts)
    {
        public double Count(string phase) => Counts.GetValueOrDefault(phase);
    }
}
