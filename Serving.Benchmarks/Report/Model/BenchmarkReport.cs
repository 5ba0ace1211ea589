namespace Serving.Benchmarks.Report.Model;

/// <summary>All results, as in docs/benchmarks.json.</summary>
/// <param name="Machine">The machine of the last run.</param>
/// <param name="Short">Whether the sizes were those of the smoke test, whose figures mean nothing.</param>
/// <param name="Results">One for each scenario that ran.</param>
internal sealed record BenchmarkReport(Machine Machine, bool Short, IReadOnlyList<ScenarioResult> Results)
{
    /// <summary>This report, with the results of an earlier one on the same machine and of the same sizes for what did not run
    /// again.</summary>
    public BenchmarkReport Over(BenchmarkReport? earlier) =>
        earlier is null || earlier.Machine != Machine || earlier.Short != Short
            ? this
            : this with
            {
                Results = [.. Results, .. earlier.Results.Where(old => Results.All(result => result.Name != old.Name))],
            };
}
