using System.Globalization;
using Serving.Benchmarks.Report.Model;
using Serving.Benchmarks.Services;

namespace Serving.Benchmarks.Scenarios;

/// <summary>What the control plane spends on many Services at once.</summary>
internal sealed class ServicesScenario : IScenario
{
    public ScenarioText Text { get; } =
        new(
            "services",
            "Many Services",
            """
            An API server, a node, a leading and a standby control plane in four processes. N Services with `initial-scale: "0"`
            are created at once by eight clients, and deleted again. Seconds are from the first create until all are Ready; CPU
            and writes (without Leases) are those of the control planes; memory is resident, 40 s after the last change, before,
            with and after the Services. The control planes are the published program, when there is one.
            """
        );

    public async Task RunAsync(ScenarioRun run, Findings findings)
    {
        IReadOnlyList<int> counts =
            run.Options.Counts.Count > 0 ? [.. run.Options.Counts.Order()]
            : run.Options.Short ? [5]
            : [100, 300, 1_000, 3_000, 5_000];
        var reports = new List<ServicesReport>();
        foreach (var count in counts)
        {
            var report = await run.ServicesAsync(count);
            reports.Add(report);
            foreach (var (kind, writes) in report.WritesByKind)
                await ScenarioRun.LogAsync($"{count} Services: {writes} × {kind}");
            findings.Figure(
                $"{Text(count)} Services Ready",
                "s",
                report.SecondsUntilReady,
                count switch
                {
                    300 => new Goal(10),
                    1_000 => new Goal(40),
                    _ => null,
                }
            );
        }

        findings.Table(
            new ResultTable(
                "One run of each",
                [
                    "Services",
                    "Ready s",
                    "created s",
                    "deleted s",
                    "leader ms CPU/Service",
                    "standby ms CPU/Service",
                    "API server ms CPU/Service",
                    "node ms CPU/Service",
                    "writes/Service",
                    "leader MiB before, with, after",
                    "standby MiB before, with, after",
                ],
                [.. reports.Select(Row)]
            )
        );
        if (reports.Count > 1)
            Growth(findings, reports);

        static string Text(int number) => number.ToString("#,0", CultureInfo.InvariantCulture);
    }

    /// <summary>Time to Ready beside a straight line through the smallest number of Services.</summary>
    private static void Growth(Findings findings, IReadOnlyList<ServicesReport> reports)
    {
        double[] counts = [.. reports.Select(static one => (double)one.Services)];
        var each = reports[0].SecondsUntilReady / reports[0].Services;
        findings.Figure(
            $"Seconds per Service: {reports[^1].Services} / {reports[0].Services}",
            "×",
            reports[^1].SecondsUntilReady / reports[^1].Services / each
        );
        findings.Plot(
            new PlotSpec(
                "services-ready",
                PlotKind.Lines,
                "Seconds until all Services are Ready",
                "Services",
                "s",
                [
                    new PlotSeries("measured", counts, [.. reports.Select(static one => one.SecondsUntilReady)]),
                    new PlotSeries("linear", counts, [.. counts.Select(count => count * each)], Reference: true),
                ],
                []
            )
        );
        findings.Plot(
            new PlotSpec(
                "services-memory",
                PlotKind.Lines,
                "Resident memory of the leading control plane",
                "Services",
                "MiB",
                [
                    new PlotSeries("before", counts, [.. reports.Select(static one => one.Leader.Idle)], Reference: true),
                    new PlotSeries("with the Services", counts, [.. reports.Select(static one => one.Leader.With)]),
                    new PlotSeries("after they are deleted", counts, [.. reports.Select(static one => one.Leader.After)]),
                ],
                []
            )
        );
    }

    private static IReadOnlyList<string> Row(ServicesReport report)
    {
        return
        [
            Text(report.Services),
            Text(report.SecondsUntilReady),
            Text(report.SecondsUntilCreated),
            Text(report.SecondsUntilDeleted),
            Text(report.LeaderMilliseconds),
            Text(report.StandbyMilliseconds),
            Text(report.ApiServerMilliseconds),
            Text(report.NodeMilliseconds),
            Text(report.Writes),
            Memory(report.Leader),
            Memory(report.Standby),
        ];

        static string Text(double number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);
        static string Memory(MemorySamples memory) =>
            string.Create(CultureInfo.InvariantCulture, $"{memory.Idle:0}, {memory.With:0}, {memory.After:0}");
    }
}
