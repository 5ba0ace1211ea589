namespace Serving.Benchmarks.Report.Model;

/// <summary>A plot, as data: the report contains the values, and the picture is drawn from them.</summary>
/// <param name="File">The name of the picture without its extension.</param>
/// <param name="Kind">The form.</param>
/// <param name="Title">What is shown; also the alternative text of the picture.</param>
/// <param name="XLabel">The horizontal axis, with its unit.</param>
/// <param name="YLabel">The vertical axis, with its unit.</param>
/// <param name="Series">The values.</param>
/// <param name="Categories">The names of the categories of bars; empty for lines.</param>
internal sealed record PlotSpec(
    string File,
    PlotKind Kind,
    string Title,
    string XLabel,
    string YLabel,
    IReadOnlyList<PlotSeries> Series,
    IReadOnlyList<string> Categories
);
