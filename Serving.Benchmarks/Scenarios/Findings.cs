using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>Collects what a scenario measures, so that a scenario that fails halfway keeps what it has.</summary>
internal sealed class Findings
{
    private readonly List<Figure> _figures = [];
    private readonly List<ResultTable> _tables = [];
    private readonly List<PlotSpec> _plots = [];
    private readonly List<string> _notes = [];
    private readonly List<string> _notMeasured = [];

    /// <summary>Adds a figure.</summary>
    public void Figure(string name, string unit, Spread value, Goal? goal = null) => _figures.Add(new Figure(name, unit, value, goal));

    /// <summary>Adds a figure that is measured once.</summary>
    public void Figure(string name, string unit, double value, Goal? goal = null) => Figure(name, unit, Spread.Once(value), goal);

    /// <summary>Adds a table.</summary>
    public void Table(ResultTable table) => _tables.Add(table);

    /// <summary>Adds a plot.</summary>
    public void Plot(PlotSpec plot) => _plots.Add(plot);

    /// <summary>Adds what a reader must know about these figures.</summary>
    public void Note(string text) => _notes.Add(text);

    /// <summary>Adds what was not measured, and why.</summary>
    public void NotMeasured(string text) => _notMeasured.Add(text);

    /// <summary>The result.</summary>
    public ScenarioResult ToResult(
        string name,
        DateTimeOffset began,
        TimeSpan duration,
        double loadAtStart,
        double loadAtEnd,
        string? failure
    ) =>
        new()
        {
            Name = name,
            Figures = [.. _figures.Where(static one => one.Goal is not null), .. _figures.Where(static one => one.Goal is null)],
            Tables = _tables,
            Plots = _plots,
            Notes = _notes,
            NotMeasured = _notMeasured,
            Failure = failure,
            Began = began,
            Seconds = Math.Round(duration.TotalSeconds, 1),
            LoadAtStart = loadAtStart,
            LoadAtEnd = loadAtEnd,
        };
}
