using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>The memory of a control plane that leads everything.</summary>
internal sealed class MemoryScenario : IScenario
{
    public ScenarioText Text { get; } =
        new(
            "memory",
            "Memory of one host",
            """
            Resident memory of the leading control plane, as in *Many Services*: idle (after 40 Services came and went), with 200
            Services at zero, and after they were deleted; each 40 s after the last change. A row named *.dll* is a build that `dotnet` runs
            and compiles, instead of the published program.
            """
        );

    public async Task RunAsync(ScenarioRun run, Findings findings)
    {
        var count = run.Options.Short ? 5 : 200;
        var memory = (await run.ServicesAsync(count)).Leader;
        var built = run.Options.IsControlPlaneBuilt ? ", .dll" : "";
        findings.Figure("idle" + built, "MiB", memory.Idle, new Goal(110));
        findings.Figure($"with {count} Services{built}", "MiB", memory.With, new Goal(140));
        findings.Figure("after they are deleted" + built, "MiB", memory.After, new Goal(memory.Idle + 15));
    }
}
