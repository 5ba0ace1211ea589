namespace Serving.Benchmarks.Report.Model;

/// <summary>What a figure is meant to be.</summary>
/// <param name="Limit">In the unit of the figure.</param>
/// <param name="AtLeast">Whether the limit is the least; otherwise it is the most.</param>
internal sealed record Goal(double Limit, bool AtLeast = false)
{
    /// <summary>Whether the median of a figure reaches the goal.</summary>
    public bool IsMet(double median) => AtLeast ? median >= Limit : median <= Limit;
}
