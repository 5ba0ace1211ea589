using System.Globalization;
using System.Net;
using System.Text;

namespace Serving.Tests.Dashboards;

/// <summary>Draws series over time as SVG: lines, areas on top of each other, bars, points, distributions and states.</summary>
/// <param name="width">The width of the drawing.</param>
/// <param name="height">The height of the drawing.</param>
/// <param name="from">The beginning of the time, in seconds since 1970.</param>
/// <param name="to">Its end.</param>
/// <param name="step">The seconds between two values.</param>
/// <param name="unit">The unit of the values.</param>
internal sealed class ChartSvg(int width, int height, double from, double to, double step, string unit)
{
    private const int Left = 62;
    private const int Bottom = 18;
    private const int Top = 6;

    private static readonly string[] Palette =
    [
        "#73bf69",
        "#f2cc0c",
        "#5794f2",
        "#ff9830",
        "#f2495c",
        "#b877d9",
        "#8ab8ff",
        "#56a64b",
        "#ffa6b0",
        "#fade2a",
        "#a352cc",
        "#37872d",
    ];

    private readonly StringBuilder _svg = new();

    private double Interval => Math.Max(1.5, (width - Left) * step / Math.Max(1, to - from));

    /// <summary>The colour of a series by its position.</summary>
    public static string ColorOf(int index) => Palette[index % Palette.Length];

    /// <summary>Lines, bars or points.</summary>
    public string Series(
        IReadOnlyList<PrometheusSeries> series,
        string kind,
        bool stacked,
        IReadOnlyList<(double From, string Color)> thresholds
    )
    {
        var sums = new Dictionary<double, double>();
        var drawn = series
            .Select(one =>
                one.Samples.Where(static sample => double.IsFinite(sample.Value))
                    .Select(sample =>
                    {
                        var below = stacked ? sums.GetValueOrDefault(sample.Time) : 0;
                        sums[sample.Time] = below + sample.Value;
                        return (sample.Time, Low: below, High: below + sample.Value);
                    })
                    .ToList()
            )
            .ToList();
        var all = drawn.SelectMany(static one => one).ToList();
        var (low, high) = Range(all.Min(static one => Math.Min(one.Low, one.High)), all.Max(static one => one.High));
        Axes(low, high);
        foreach (var (value, color) in thresholds.Where(one => !stacked && one.From > low && one.From < high))
        {
            Add(
                $"<line x1='{Left}' x2='{width}' y1='{Y(value, low, high)}' y2='{Y(value, low, high)}' stroke='{color}' stroke-dasharray='6 4'/>"
            );
        }

        for (var i = 0; i < drawn.Count; i++)
        {
            Draw(drawn[i], ColorOf(i), kind, stacked, low, high);
        }

        return Finish();
    }

    /// <summary>The number of values by bucket, from cumulative counts.</summary>
    public string Distribution(IReadOnlyList<PrometheusSeries> series)
    {
        var buckets = series
            .Where(static one => one.Labels.GetValueOrDefault("le", "+Inf") != "+Inf")
            .OrderBy(static one => double.Parse(one.Labels["le"], CultureInfo.InvariantCulture))
            .ToList();
        var below = new Dictionary<double, double>();
        var cells = new List<(int Row, double Time, double Value)>();
        for (var row = 0; row < buckets.Count; row++)
        {
            foreach (var (time, value) in buckets[row].Samples)
            {
                cells.Add((row, time, value - below.GetValueOrDefault(time)));
                below[time] = value;
            }
        }

        var most = Math.Max(cells.Select(static cell => cell.Value).DefaultIfEmpty(1).Max(), 1e-9);
        var size = (height - Top - Bottom) / (double)Math.Max(1, buckets.Count);
        for (var row = 0; row < buckets.Count; row += 2)
        {
            var label = UnitText.Of(double.Parse(buckets[row].Labels["le"], CultureInfo.InvariantCulture), unit);
            Text(Left - 6, height - Bottom - (row * size) - (size / 4), label, "end");
        }

        foreach (var (row, time, value) in cells.Where(static cell => cell.Value > 1e-6))
        {
            Add(
                $"<rect x='{X(time - step):0.#}' y='{height - Bottom - ((row + 1) * size):0.#}' width='{Interval + 0.3:0.#}' height='{size - 1:0.#}' fill='#ff9830' fill-opacity='{0.15 + (0.85 * Math.Sqrt(value / most)):0.##}'/>"
            );
        }

        Times();
        return Finish();
    }

    /// <summary>A lane for each series, coloured by its value.</summary>
    public string States(IReadOnlyList<PrometheusSeries> series, Func<PrometheusSeries, string> name, Func<double, string> color)
    {
        const int Names = 230;
        var lane = Math.Min(34.0, (height - Top - Bottom) / (double)Math.Max(1, series.Count));
        double At(double time) => Names + ((time - from) / (to - from) * (width - Names));
        for (var i = 0; i < series.Count; i++)
        {
            Text(Names - 6, Top + (i * lane) + (lane / 2) + 4, name(series[i]), "end");
            foreach (var (time, value) in series[i].Samples)
            {
                Add(
                    $"<rect x='{At(time):0.#}' y='{Top + (i * lane) + 1:0.#}' width='{((width - Names) / (to - from)) + 0.4:0.#}' height='{lane - 3:0.#}' fill='{color(value)}' fill-opacity='0.75'/>"
                );
            }
        }

        return Finish();
    }

    private void Draw(
        List<(double Time, double Low, double High)> samples,
        string color,
        string kind,
        bool stacked,
        double low,
        double high
    )
    {
        if (kind == "bars")
        {
            foreach (var (time, bottom, top) in samples.Where(static one => one.High > one.Low))
            {
                Add(
                    $"<rect x='{X(time - step):0.#}' y='{Y(top, low, high):0.#}' width='{Interval:0.#}' height='{Y(bottom, low, high) - Y(top, low, high):0.#}' fill='{color}' fill-opacity='0.8'/>"
                );
            }

            return;
        }

        foreach (var part in Parts(samples))
        {
            if (kind == "points" || part.Count == 1)
            {
                part.ForEach(one => Add($"<circle cx='{X(one.Time):0.#}' cy='{Y(one.High, low, high):0.#}' r='3' fill='{color}'/>"));
                continue;
            }

            var line = string.Join(' ', part.Select(one => $"{X(one.Time):0.#},{Y(one.High, low, high):0.#}"));
            var back = string.Join(' ', Enumerable.Reverse(part).Select(one => $"{X(one.Time):0.#},{Y(one.Low, low, high):0.#}"));
            Add($"<polygon points='{line} {back}' fill='{color}' fill-opacity='{(stacked ? 0.35 : 0.06):0.##}'/>");
            Add($"<polyline points='{line}' fill='none' stroke='{color}' stroke-width='1.5'/>");
        }
    }

    /// <summary>The samples without the gaps between them: a line ends where samples are missing.</summary>
    private IEnumerable<List<(double Time, double Low, double High)>> Parts(List<(double Time, double Low, double High)> samples)
    {
        var part = new List<(double Time, double Low, double High)>();
        foreach (var sample in samples)
        {
            if (part.Count > 0 && sample.Time - part[^1].Time > 2.5 * step)
            {
                yield return part;
                part = [];
            }

            part.Add(sample);
        }

        if (part.Count > 0)
        {
            yield return part;
        }
    }

    private static (double Low, double High) Range(double low, double high)
    {
        low = Math.Min(0, low);
        var tick = Tick(high > low ? high - low : 1);
        return (Math.Floor(low / tick) * tick, Math.Max(Math.Ceiling(high * 1.02 / tick) * tick, (Math.Floor(low / tick) * tick) + tick));
    }

    private static double Tick(double range)
    {
        var raw = range / 4;
        var size = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        return size
            * (
                (raw / size) switch
                {
                    <= 1 => 1,
                    <= 2 => 2,
                    <= 5 => 5,
                    _ => 10,
                }
            );
    }

    private void Axes(double low, double high)
    {
        var tick = Tick(high - low);
        for (var value = low; value <= high + (tick / 100); value += tick)
        {
            var y = Y(value, low, high);
            Add($"<line x1='{Left}' x2='{width}' y1='{y:0.#}' y2='{y:0.#}' stroke='#2c3235'/>");
            Text(Left - 6, y + 4, UnitText.Of(Math.Abs(value) < tick / 100 ? 0 : value, unit), "end");
        }

        Times();
    }

    private void Times()
    {
        var tick = to - from > 90 ? 30 : 15;
        for (var time = Math.Ceiling(from / tick) * tick; time < to; time += tick)
        {
            Text(
                X(time),
                height - 4,
                DateTimeOffset.FromUnixTimeSeconds((long)time).ToString("HH:mm:ss", CultureInfo.InvariantCulture),
                "middle"
            );
        }
    }

    private double X(double time) => Left + ((time - from) / (to - from) * (width - Left));

    private double Y(double value, double low, double high) => height - Bottom - ((value - low) / (high - low) * (height - Bottom - Top));

    private void Text(double x, double y, string text, string anchor) =>
        Add($"<text x='{x:0.#}' y='{y:0.#}' text-anchor='{anchor}'>{WebUtility.HtmlEncode(text)}</text>");

    private void Add(FormattableString element) => _svg.Append(element.ToString(CultureInfo.InvariantCulture));

    private string Finish() => $"<svg width='{width}' height='{height}'>{_svg}</svg>";
}
