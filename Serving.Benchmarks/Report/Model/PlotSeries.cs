namespace Serving.Benchmarks.Report.Model;

/// <summary>A series of a plot.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Xs">Numbers for lines; the indexes of the categories for bars.</param>
/// <param name="Ys">As many values.</param>
/// <param name="Reference">Whether it is what others are compared with: drawn dashed and grey.</param>
internal sealed record PlotSeries(string Name, IReadOnlyList<double> Xs, IReadOnlyList<double> Ys, bool Reference = false);
