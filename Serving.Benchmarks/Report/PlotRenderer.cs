using ScottPlot;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Report;

/// <summary>Draws plots as PNG files on an opaque light card with a border, so that they are readable on a light and on a dark
/// page.</summary>
internal static class PlotRenderer
{
    private const int Width = 720;
    private const int Height = 360;

    private static readonly Color Text = Color.FromHex("#24292f");
    private static readonly Color Grid = Color.FromHex("#d8dee4");
    private static readonly Color Reference = Color.FromHex("#8c959f");

    // Told apart also by readers who confuse red and green.
    private static readonly Color[] Colors =
    [
        Color.FromHex("#0072b2"),
        Color.FromHex("#d55e00"),
        Color.FromHex("#009e73"),
        Color.FromHex("#cc79a7"),
        Color.FromHex("#e69f00"),
        Color.FromHex("#56b4e9"),
        Color.FromHex("#6e7781"),
    ];

    /// <summary>Draws a plot.</summary>
    /// <param name="spec">The plot.</param>
    /// <param name="path">The file to write.</param>
    public static void Save(PlotSpec spec, string path)
    {
        using var plot = new Plot();
        plot.Font.Set("DejaVu Sans");
        plot.FigureBackground.Color = Color.FromHex("#ffffff");
        plot.DataBackground.Color = Color.FromHex("#ffffff");
        plot.Axes.Color(Text);
        plot.Grid.MajorLineColor = Grid;
        plot.Title(spec.Title, size: 16);
        plot.YLabel(spec.YLabel);
        if (spec.XLabel.Length > 0)
            plot.XLabel(spec.XLabel);
        switch (spec.Kind)
        {
            case PlotKind.Lines:
                AddLines(plot, spec);
                break;
            case PlotKind.Bars:
                AddBars(plot, spec);
                break;
            default:
                AddStack(plot, spec);
                break;
        }

        if (spec.Series.Count > 1)
            plot.ShowLegend(Edge.Right);
        else
            plot.HideLegend();
        plot.SavePng(path, Width, Height);
    }

    private static void AddLines(Plot plot, PlotSpec spec)
    {
        for (var i = 0; i < spec.Series.Count; i++)
        {
            var series = spec.Series[i];
            var line = plot.Add.Scatter(series.Xs.ToArray(), series.Ys.ToArray());
            line.LegendText = series.Name;
            line.Color = series.Reference ? Reference : Colors[i % Colors.Length];
            line.LinePattern = series.Reference ? LinePattern.Dashed : LinePattern.Solid;
            line.LineWidth = 2;
            line.MarkerSize = series.Reference || series.Xs.Count > 40 ? 0 : 7;
        }

        plot.Axes.SetLimitsY(0, Math.Max(1e-9, spec.Series.SelectMany(static one => one.Ys).DefaultIfEmpty(1).Max()) * 1.08);
    }

    private static void AddBars(Plot plot, PlotSpec spec)
    {
        var width = 0.7 / spec.Series.Count;
        for (var i = 0; i < spec.Series.Count; i++)
        {
            var series = spec.Series[i];
            var offset = (i - ((spec.Series.Count - 1) / 2.0)) * width;
            var bars = plot.Add.Bars(series.Xs.Select(x => x + offset).ToArray(), series.Ys.ToArray());
            bars.LegendText = series.Name;
            bars.Color = Colors[i % Colors.Length];
            bars.ValueLabelStyle.ForeColor = Text;
            foreach (var bar in bars.Bars)
            {
                bar.Size = width;
                bar.LineWidth = 0;
                bar.ValueLabel = bar.Value.ToString("0.#", System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        Categories(plot, spec);
        plot.Axes.SetLimitsY(0, Math.Max(1e-9, spec.Series.SelectMany(static one => one.Ys).DefaultIfEmpty(1).Max()) * 1.15);
    }

    private static void AddStack(Plot plot, PlotSpec spec)
    {
        var tops = new double[spec.Categories.Count];
        for (var i = 0; i < spec.Series.Count; i++)
        {
            var series = spec.Series[i];
            var bars = new List<Bar>();
            for (var j = 0; j < series.Xs.Count; j++)
            {
                var category = (int)series.Xs[j];
                bars.Add(
                    new Bar
                    {
                        Position = category,
                        ValueBase = tops[category],
                        Value = tops[category] += series.Ys[j],
                        FillColor = Colors[i % Colors.Length],
                        LineWidth = 0,
                        Size = 0.6,
                    }
                );
            }

            var stack = plot.Add.Bars(bars);
            stack.LegendText = series.Name;
        }

        Categories(plot, spec);
        plot.Axes.SetLimitsY(0, Math.Max(1e-9, tops.DefaultIfEmpty(1).Max()) * 1.08);
    }

    private static void Categories(Plot plot, PlotSpec spec)
    {
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, spec.Categories.Count).Select(static i => (double)i)], [.. spec.Categories]);
        plot.Axes.SetLimitsX(-0.6, spec.Categories.Count - 0.4);
        plot.HideGrid();
    }
}
