using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>
/// Draws a dashboard with its data, roughly as Grafana would, for docs/dashboards.md: a page of HTML that a headless browser takes a
/// picture
/// of.
/// </summary>
/// <param name="dashboard">The dashboard.</param>
/// <param name="time">The time that it shows.</param>
/// <param name="interval">The interval in which events are counted.</param>
internal sealed class DashboardDrawing(JsonObject dashboard, (DateTimeOffset From, DateTimeOffset To) time, TimeSpan interval)
{
    private const int Column = 50;
    private const int Row = 26;
    private const int Margin = 8;
    private const int Head = 52;
    private const int Width = 24 * Column;
    private const int MostNames = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly Dictionary<string, string> Colors = new()
    {
        ["green"] = "#73bf69",
        ["orange"] = "#ff9830",
        ["red"] = "#f2495c",
        ["blue"] = "#5794f2",
    };

    private readonly StringBuilder _page = new();

    /// <summary>The picture of a dashboard in the documentation.</summary>
    public static string PathOf(string name) => Repository.PathOf("docs", "images", "dashboards", $"{name}.png");

    /// <summary>Adds a panel with what its queries returned.</summary>
    public void Add(JsonObject panel, IReadOnlyList<(JsonNode Target, IReadOnlyList<PrometheusSeries> Series)> results)
    {
        var grid = panel["gridPos"]!;
        var (width, height) = (((int)grid["w"]! * Column) - Margin, ((int)grid["h"]! * Row) - Margin);
        var defaults = panel["fieldConfig"]!["defaults"]!;
        var any = results.Any(static one => one.Series.Any(static series => series.HasNumber));
        _page.Append(
            CultureInfo.InvariantCulture,
            $"<section style='left:{(int)grid["x"]! * Column}px;top:{((int)grid["y"]! * Row) + Head}px;width:{width}px;height:{height}px'><h2>{Encode(panel["title"]!)}</h2>"
        );
        _page.Append(any ? Content(panel, results, width - 20, height - 30) : $"<p class=none>{Encode(defaults["noValue"]!)}</p>");
        _page.Append("</section>");
    }

    /// <summary>Writes the picture.</summary>
    public async Task SaveAsync(string path)
    {
        foreach (var row in dashboard["panels"]!.AsArray().Where(static panel => panel!["type"]!.ToString() == "row"))
        {
            _page.Append(
                CultureInfo.InvariantCulture,
                $"<h1 style='top:{((int)row!["gridPos"]!["y"]! * Row) + Head}px'>{Encode(row["title"]!)}</h1>"
            );
        }

        var rows = dashboard["panels"]!.AsArray().Max(static panel => (int)panel!["gridPos"]!["y"]! + (int)panel["gridPos"]!["h"]!);
        var height = Head + (rows * Row);
        var file = Path.ChangeExtension(path, ".html");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(file, Style + $"<header>{Encode(dashboard["title"]!)}</header>{_page}");
        try
        {
            using var browser = Process.Start(
                new ProcessStartInfo(
                    "chromium",
                    [
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--hide-scrollbars",
                        $"--window-size={Width},{height}",
                        $"--screenshot={path}",
                        file,
                    ]
                )
                {
                    RedirectStandardError = true,
                }
            )!;
            var error = browser.StandardError.ReadToEndAsync();
            await browser.WaitForExitAsync().WaitAsync(Limit);
            browser.ExitCode.Should().Be(0, await error);
            PalettePng.Shrink(path);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private const string Style = """
        <!doctype html><meta charset=utf-8><style>
        body{background:#111217;color:#ccccdc;font:12px "DejaVu Sans",sans-serif;margin:0}
        header{font-size:18px;padding:14px 10px}
        h1{position:absolute;left:6px;margin:0;font-size:13px;line-height:22px;font-weight:600}
        section{position:absolute;background:#181b1f;border:1px solid #2c3235;border-radius:3px;overflow:hidden;box-sizing:border-box;padding:4px 9px}
        h2{font-size:12px;margin:0 0 4px;font-weight:600}
        svg text{fill:#9fa7b3;font-size:10px}
        .stat{text-align:center;font-size:26px;margin:10px 0}
        .stat small{display:block;font-size:11px;color:#9fa7b3}
        .stat span{display:inline-block;margin:0 10px}
        .none{color:#9fa7b3;text-align:center;margin:30px 10px}
        .names{font-size:10px;color:#9fa7b3;line-height:15px;height:30px;overflow:hidden}
        .names i{display:inline-block;width:10px;height:3px;margin:0 4px 3px 8px}
        table{border-collapse:collapse;width:100%;font-size:11px}
        th,td{text-align:left;padding:4px 6px;border-bottom:1px solid #2c3235;white-space:nowrap}
        .bar{display:grid;grid-template-columns:110px 1fr 70px;gap:8px;margin:5px 0;align-items:center}
        .bar div{height:16px}
        </style>
        """;

    private string Content(
        JsonObject panel,
        IReadOnlyList<(JsonNode Target, IReadOnlyList<PrometheusSeries> Series)> results,
        int width,
        int height
    )
    {
        var defaults = panel["fieldConfig"]!["defaults"]!;
        var unit = defaults["unit"]!.ToString();
        var thresholds = Thresholds(defaults);
        var named = results
            .SelectMany(static one => one.Series.Where(static series => series.HasNumber).Select(series => (one.Target, Series: series)))
            .Select(static one => (Name: one.Series.NameBy(one.Target["legendFormat"]!.ToString()), one.Series))
            .ToList();
        var series = named.Select(static one => one.Series).ToList();
        var step = panel["interval"] is null ? 1 : interval.TotalSeconds;
        ChartSvg Chart(int of) => new(width, of, time.From.ToUnixTimeSeconds(), time.To.ToUnixTimeSeconds(), step, unit);
        return panel["type"]!.ToString() switch
        {
            "timeseries" => Chart(height - 32)
                .Series(
                    series,
                    defaults["custom"]!["drawStyle"]!.ToString(),
                    defaults["custom"]!["stacking"]!["mode"]!.ToString() == "normal",
                    [.. thresholds.Skip(1).Select(static step => (step.From!.Value, step.Color))]
                ) + Names([.. named.Select(static one => one.Name)]),
            "heatmap" => Chart(height).Distribution(series),
            "state-timeline" => Chart(height)
                .States(series, one => named.Single(other => other.Series == one).Name, value => ColorAt(thresholds, value)),
            "table" => Table(panel, results),
            "bargauge" => Bars(named, unit, thresholds),
            _ => Stat(panel, named, unit, thresholds),
        };
    }

    private static string Stat(
        JsonObject panel,
        IReadOnlyList<(string Name, PrometheusSeries Series)> named,
        string unit,
        IReadOnlyList<(double? From, string Color)> thresholds
    )
    {
        var isNamed = panel["options"]!["textMode"]!.ToString() == "value_and_name";
        var values = named.Select(one =>
        {
            var last = Last(one.Series);
            return $"<span style='color:{ColorAt(thresholds, last)}'>{Encode(UnitText.Of(last, unit))}{(isNamed ? $"<small>{Encode(one.Name)}</small>" : "")}</span>";
        });
        return $"<div class=stat>{string.Concat(values)}</div>";
    }

    private static string Bars(
        IReadOnlyList<(string Name, PrometheusSeries Series)> named,
        string unit,
        IReadOnlyList<(double? From, string Color)> thresholds
    )
    {
        var most = named.Max(static one => Last(one.Series));
        return string.Concat(
            named.Select(one =>
            {
                var last = Last(one.Series);
                var color = ColorAt(thresholds, last);
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"<div class=bar><span>{Encode(one.Name)}</span><div style='background:{color};width:{100 * last / most:0.#}%'></div><span style='color:{color}'>{Encode(UnitText.Of(last, unit))}</span></div>"
                );
            })
        );
    }

    private static string Table(JsonObject panel, IReadOnlyList<(JsonNode Target, IReadOnlyList<PrometheusSeries> Series)> results)
    {
        var names = panel["transformations"]![1]!["options"]!["renameByName"]!.AsObject();
        var labels = names.Where(static name => !name.Key.StartsWith("Value", StringComparison.Ordinal)).ToList();
        var units = panel["fieldConfig"]!["overrides"]!
            .AsArray()
            .Where(static one => one!["properties"]![0]!["id"]!.ToString() == "unit")
            .ToDictionary(
                static one => one!["matcher"]!["options"]!.ToString(),
                static one => one!["properties"]![0]!["value"]!.ToString()
            );
        string Key(PrometheusSeries series) => string.Join('\0', labels.Select(label => series.Labels.GetValueOrDefault(label.Key, "")));
        var rows = results.SelectMany(static one => one.Series).Select(Key).Distinct().Order(StringComparer.Ordinal).Take(12);
        var text = new StringBuilder("<table><tr>");
        text.AppendJoin("", labels.Select(static label => $"<th>{Encode(label.Value!)}</th>"));
        text.AppendJoin("", results.Select(static one => $"<th>{Encode(one.Target["legendFormat"]!)}</th>"));
        foreach (var row in rows)
        {
            text.Append("<tr>").AppendJoin("", row.Split('\0').Select(static cell => $"<td>{WebUtility.HtmlEncode(cell)}</td>"));
            foreach (var (target, series) in results)
            {
                var found = series.FirstOrDefault(one => Key(one) == row);
                var unit = units[target["legendFormat"]!.ToString()];
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"<td>{(found is null ? DashboardJson.Nothing : Encode(UnitText.Of(Last(found), unit)))}</td>"
                );
            }
        }

        return text.Append("</table>").ToString();
    }

    private static string Names(IReadOnlyList<string> names) =>
        "<div class=names>"
        + string.Concat(
            names
                .Take(MostNames)
                .Select(static (name, i) => $"<i style='background:{ChartSvg.ColorOf(i)}'></i>{WebUtility.HtmlEncode(name)}")
        )
        + (names.Count > MostNames ? $" and {names.Count - MostNames} more" : "")
        + "</div>";

    private static IReadOnlyList<(double? From, string Color)> Thresholds(JsonNode defaults) =>
        [
            .. defaults["thresholds"]!["steps"]!
                .AsArray()
                .Select(static step => ((double?)step!["value"], Colors[step["color"]!.ToString()])),
        ];

    private static string ColorAt(IReadOnlyList<(double? From, string Color)> thresholds, double value) =>
        thresholds.Last(step => step.From is not { } from || value >= from).Color;

    private static double Last(PrometheusSeries series) =>
        series
            .Samples.Where(static sample => double.IsFinite(sample.Value))
            .Select(static sample => sample.Value)
            .DefaultIfEmpty(double.NaN)
            .Last();

    private static string Encode(JsonNode text) => WebUtility.HtmlEncode(text.ToString());

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
