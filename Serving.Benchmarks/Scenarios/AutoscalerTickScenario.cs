using System.Globalization;
using Serving.Benchmarks.Autoscaler;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>What a tick of the autoscaler costs.</summary>
internal sealed class AutoscalerTickScenario : IScenario
{
    public ScenarioText Text { get; } =
        new(
            "autoscaler-tick",
            "Autoscaler tick",
            """
            `AutoscalerTickBenchmarks` in this process: the start of the scrapes of all revisions, which happens each second, and
            the decisions for all, which happen every two seconds. One revision in a hundred gets requests; the others are idle.
            CPU and allocations are those of the whole process per tick.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings)
    {
        int[] sizes = run.Options.Short ? [1_000] : [1_000, 10_000, 50_000];
        var (warmUp, ticks) = run.Options.Short ? (2, 3) : (20, 50);
        var rows = new List<IReadOnlyList<string>>();
        var means = new List<double>();
        foreach (var size in sizes)
        {
            using var benchmarks = new AutoscalerTickBenchmarks { Revisions = size };
            benchmarks.SetUp();
            var scrapes = Measure(benchmarks.Start_scrapes, warmUp, ticks);
            var decisions = Measure(benchmarks.Decide, warmUp, ticks);
            var revisions = size.ToString("#,0", CultureInfo.InvariantCulture);
            findings.Figure($"{revisions} revisions, start of scrapes", "ms CPU", scrapes.Cpu);
            findings.Figure($"{revisions} revisions, decisions", "ms CPU", decisions.Cpu);
            means.Add(decisions.Cpu.Median);
            rows.Add([
                revisions,
                Format(scrapes.Cpu.Median),
                Format(scrapes.Kibibytes),
                Format(decisions.Cpu.Median),
                Format(decisions.Kibibytes),
            ]);
        }

        findings.Table(
            new ResultTable(
                "A tick",
                ["revisions", "scrapes ms CPU", "scrapes KiB allocated", "decisions ms CPU", "decisions KiB allocated"],
                rows
            )
        );
        if (sizes.Length > 1)
        {
            double[] xs = [.. sizes.Select(static size => (double)size)];
            findings.Plot(
                new PlotSpec(
                    "autoscaler-tick",
                    PlotKind.Lines,
                    "CPU of the decisions of one tick",
                    "revisions",
                    "ms",
                    [
                        new PlotSeries("measured", xs, means),
                        new PlotSeries("linear", xs, [.. xs.Select(x => x * means[0] / xs[0])], Reference: true),
                    ],
                    []
                )
            );
        }

        return Task.CompletedTask;
    }

    private static (Spread Cpu, double Kibibytes) Measure(Action tick, int warmUp, int ticks)
    {
        for (var i = 0; i < warmUp; i++)
            tick();
        var cpu = new List<double>(ticks);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < ticks; i++)
        {
            var before = Environment.CpuUsage.TotalTime;
            tick();
            cpu.Add((Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
        }

        return (Spread.Of(cpu), (GC.GetTotalAllocatedBytes(precise: true) - allocated) / 1024.0 / ticks);
    }

    private static string Format(double number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);
}
