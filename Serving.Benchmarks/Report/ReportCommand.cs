using System.Diagnostics;
using Serving.Benchmarks.Report.Model;
using Serving.Benchmarks.Scenarios;

namespace Serving.Benchmarks.Report;

/// <summary><c>report HOST.dll</c>: runs scenarios and writes docs/benchmarks.md; and each scenario as a command of its own.</summary>
internal static class ReportCommand
{
    /// <summary>All scenarios, in the order of the report. The control plane comes last: it takes the longest.</summary>
    public static IReadOnlyList<IScenario> Scenarios { get; } =
    [
        new SidecarScenario(),
        new SidecarMetricsScenario(),
        new GatewayScenario(),
        new GatewayProtocolsScenario(),
        new ActivatorScenario(),
        new LatencyScenario(),
        new ColdStartScenario(),
        new RampScenario(),
        new RolloutScenario(),
        new AutoscalerTickScenario(),
        new ServicesScenario(),
        new MemoryScenario(),
    ];

    /// <summary>Writes document and pictures again from the JSON in a directory.</summary>
    public static void Render(string directory) => new ReportFiles(directory).Render([.. Scenarios.Select(static one => one.Text)]);

    /// <summary>Runs the command.</summary>
    /// <param name="name"><c>report</c>, or the name of a scenario.</param>
    /// <param name="arguments">What follows it.</param>
    /// <returns>0 when every scenario ran to its end.</returns>
    public static async Task<int> RunAsync(string name, IReadOnlyList<string> arguments)
    {
        ReportArguments parsed;
        try
        {
            parsed = ReportArguments.Parse(name, arguments, [.. Scenarios.Select(static one => one.Text.Name)]);
        }
        catch (FormatException problem)
        {
            await Console.Error.WriteLineAsync(problem.Message);
            return 2;
        }

        var results = new List<ScenarioResult>();
        await using (var run = new ScenarioRun(OptionsOf(parsed)))
        {
            foreach (var scenario in Scenarios.Where(scenario => parsed.Only.Contains(scenario.Text.Name)))
            {
                await ScenarioRun.LogAsync(scenario.Text.Title);
                var result = await RunAsync(scenario, run);
                results.Add(result);
                if (result.Failure is not null)
                    await ScenarioRun.LogAsync($"{scenario.Text.Name} ended early: {result.Failure}");
                if (name != "report")
                    Console.WriteLine(MarkdownReport.Section(scenario.Text, result));
            }
        }

        if (name == "report")
        {
            var files = new ReportFiles(parsed.Output);
            files.Write(
                new BenchmarkReport(ReportFiles.ThisMachine(), parsed.Short, results).Over(files.Read()),
                [.. Scenarios.Select(static one => one.Text)]
            );
        }

        return results.All(static result => result.Failure is null) ? 0 : 1;
    }

    private static async Task<ScenarioResult> RunAsync(IScenario scenario, ScenarioRun run)
    {
        var findings = new Findings();
        var (began, load, watch) = (DateTimeOffset.UtcNow, Load(), Stopwatch.StartNew());
        string? failure = null;
        try
        {
            await scenario.RunAsync(run, findings);
        }
        catch (Exception problem)
        {
            // The report says so, and the other scenarios are still worth measuring.
            failure = problem.Message;
            await Console.Error.WriteLineAsync(problem.ToString());
        }

        return findings.ToResult(scenario.Text.Name, began, watch.Elapsed, load, Load(), failure);
    }

    private static RunOptions OptionsOf(ReportArguments arguments)
    {
        var options = RunOptions.Of(arguments.Host, arguments.Short);
        return options with
        {
            ControlPlane = PublishedHost(arguments.Host) ?? arguments.Host,
            Counts = arguments.Counts,
            QueueProxies = arguments.QueueProxies.Count > 0 ? arguments.QueueProxies : [BuiltQueueProxy(arguments.Host)],
            Rounds = arguments.Rounds ?? options.Rounds,
            Load = arguments.Seconds is { } seconds ? TimeSpan.FromSeconds(seconds) : options.Load,
            WarmUp = arguments.Seconds is { } warmUp ? TimeSpan.FromSeconds(warmUp) : options.WarmUp,
        };
    }

    /// <summary>The sidecar that was built with a host: the native program when it is published, else the .dll.</summary>
    private static string BuiltQueueProxy(string host)
    {
        var list = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(host))!, "programs.txt");
        var assembly = File.ReadLines(list).First(static line => Path.GetFileName(line) == "Serving.QueueProxy.dll");
        var native = Path.Combine(Path.GetDirectoryName(assembly)!, "linux-x64", "publish", "Serving.QueueProxy");
        return File.Exists(native) && !File.Exists(native + ".dll") ? native : assembly;
    }

    /// <summary>The published program of a host with its own runtime, as the image has it; null when there is none.</summary>
    private static string? PublishedHost(string host)
    {
        var program = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(host))!, "linux-x64", "publish", "Serving.Host");
        return File.Exists(program) ? program : null;
    }

    private static double Load() => Machine.LoadAverage(File.ReadAllText("/proc/loadavg"));
}
