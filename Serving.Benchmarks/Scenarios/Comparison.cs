using System.Globalization;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>Reports contenders that were measured in turn: absolute figures, and ratios of neighbouring rounds.</summary>
/// <param name="File">The name of the plot.</param>
/// <param name="Samples">The rounds of each contender.</param>
internal sealed record Comparison(string File, IReadOnlyDictionary<string, IReadOnlyList<ContenderSample>> Samples)
{
    /// <summary>Adds the ratio of a contender to another.</summary>
    public void Ratio(
        Findings findings,
        string measured,
        string baseline,
        string what,
        Func<ContenderSample, double> value,
        Goal? goal = null
    ) =>
        findings.Figure(
            $"{what}: {measured} / {baseline}",
            "×",
            Spread.OfRatios([.. Samples[measured].Select(value)], [.. Samples[baseline].Select(value)]),
            goal
        );

    /// <summary>Adds the absolute figures, as a table and as a plot of CPU time.</summary>
    public void Absolute(Findings findings, string title)
    {
        findings.Table(
            new ResultTable(
                "Medians (lowest to highest round)",
                ["path", "µs CPU/request", "requests/s", "p50 ms", "p99 ms", "MiB"],
                [
                    .. Samples.Select(static one =>
                        (IReadOnlyList<string>)
                            [
                                one.Key,
                                Cell(one.Value, static sample => sample.Microseconds, "0.0"),
                                Cell(one.Value, static sample => sample.RequestsPerSecond, "#,0"),
                                Cell(one.Value, static sample => sample.P50Milliseconds, "0.00"),
                                Cell(one.Value, static sample => sample.P99Milliseconds, "0.00"),
                                Cell(one.Value, static sample => sample.Mebibytes, "0.0"),
                            ]
                    ),
                ]
            )
        );
        findings.Plot(
            new PlotSpec(
                File,
                PlotKind.Bars,
                title,
                "",
                "µs CPU per request",
                [
                    new PlotSeries(
                        "µs CPU per request",
                        [.. Enumerable.Range(0, Samples.Count).Select(static index => (double)index)],
                        [.. Samples.Values.Select(static one => Spread.Of(one.Select(static sample => sample.Microseconds)).Median)]
                    ),
                ],
                [.. Samples.Keys]
            )
        );
    }

    private static string Cell(IEnumerable<ContenderSample> samples, Func<ContenderSample, double> value, string format)
    {
        var spread = Spread.Of(samples.Select(value));
        return spread.Low < spread.High ? $"{Text(spread.Median)} ({Text(spread.Low)}–{Text(spread.High)})" : Text(spread.Median);

        string Text(double number) => number.ToString(format, CultureInfo.InvariantCulture);
    }
}
