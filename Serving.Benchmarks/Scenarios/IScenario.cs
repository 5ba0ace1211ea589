using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>A part of the report that can run alone.</summary>
internal interface IScenario
{
    /// <summary>Its name, title and method.</summary>
    ScenarioText Text { get; }

    /// <summary>Measures.</summary>
    /// <param name="run">Options and clusters of the run.</param>
    /// <param name="findings">Gets what is measured.</param>
    Task RunAsync(ScenarioRun run, Findings findings);
}
