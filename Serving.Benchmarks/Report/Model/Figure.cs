namespace Serving.Benchmarks.Report.Model;

/// <summary>One measured figure.</summary>
/// <param name="Name">What it is of.</param>
/// <param name="Unit">Its unit; <c>×</c> for a ratio.</param>
/// <param name="Value">The median and the spread of its rounds.</param>
/// <param name="Goal">What it is meant to be; null when there is no goal for it.</param>
internal sealed record Figure(string Name, string Unit, Spread Value, Goal? Goal)
{
    /// <summary>Whether it misses its goal.</summary>
    public bool Misses => Goal?.IsMet(Value.Median) == false;
}
