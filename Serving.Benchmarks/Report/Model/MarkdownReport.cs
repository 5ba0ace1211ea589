using System.Globalization;
using System.Text;

namespace Serving.Benchmarks.Report.Model;

/// <summary>Writes a report as Markdown: first what misses its goal, then each scenario with its figures, tables and plots.</summary>
internal static class MarkdownReport
{
    /// <summary>The folder of the pictures, beside the document.</summary>
    public const string Images = "images/benchmarks";

    private const int LineLength = 140;

    private const string Head = """
        # What it costs

        What Serving costs on one machine, beside nginx where nginx does the same, and whether that is what we want (*goal*). The
        figures are those of the machine named below: only ratios carry over to another. A figure is the median of its rounds, with the
        lowest and the highest round in parentheses. What is compared is measured in turn, in one run, and a ratio is the median of the
        ratios of neighbouring rounds. Client, programs and proxies share the machine's cores.

        [benchmarks.json](benchmarks.json) has all values. Both files and the pictures are written by

        ```
        dotnet build -c Release
        dotnet publish Serving.QueueProxy -c Release -r linux-x64 -p:QueueProxyNative=true   # the native sidecar: measured when it is there
        dotnet publish Serving.Host -c Release -r linux-x64 --self-contained                  # the control planes whose memory is measured
        dotnet Serving.Benchmarks/bin/Release/net10.0/Serving.Benchmarks.dll report Serving.Host/bin/Release/net10.0/Serving.Host.dll
        ```

        on an otherwise idle machine, with `wrk`, `h2load` and `nginx` on the PATH. `--only NAME…` measures some scenarios again and
        keeps the others; each scenario is also a command (`Serving.Benchmarks.dll NAME HOST.dll`) that prints its section and writes no
        file. `--short` tries everything in a minute; its figures mean nothing. `render` writes document and pictures again from the
        JSON.

        """;

    /// <summary>The document.</summary>
    /// <param name="report">The results; null before the first run.</param>
    /// <param name="scenarios">All scenarios, in the order of their sections.</param>
    public static string Document(BenchmarkReport? report, IReadOnlyList<ScenarioText> scenarios)
    {
        var text = new StringBuilder(Head).Append('\n');
        if (report is null)
        {
            text.Append("Not measured yet.\n\n");
        }
        else
        {
            if (report.Short)
                text.Append("**This was a run of `--short`: it shows that the scenarios work, and its figures mean nothing.**\n\n");
            Summary(text, report, scenarios);
            Environment(text, report, scenarios);
        }

        foreach (var scenario in scenarios)
            text.Append(Section(scenario, report?.Results.FirstOrDefault(result => result.Name == scenario.Name))).Append('\n');
        return text.ToString().TrimEnd('\n') + "\n";
    }

    /// <summary>The section of a scenario.</summary>
    /// <param name="scenario">The scenario.</param>
    /// <param name="result">Its result; null when it did not run.</param>
    public static string Section(ScenarioText scenario, ScenarioResult? result)
    {
        var text = new StringBuilder($"## {scenario.Title}\n\n{Wrapped(scenario.Method)}\n\n");
        if (result is null)
            return text.Append("Not measured yet.\n").ToString();
        if (result.Failure is not null)
            text.Append(CultureInfo.InvariantCulture, $"**It ended early:** {OneLine(result.Failure)}\n\n");
        foreach (var line in result.NotMeasured)
            text.Append(CultureInfo.InvariantCulture, $"Not measured: {line}\n\n");
        if (result.Figures.Count > 0)
            Table(text, ["", "measured", "goal", ""], result.Figures.Select(Row));
        foreach (var table in result.Tables)
        {
            text.Append(CultureInfo.InvariantCulture, $"{table.Caption}:\n\n");
            Table(text, table.Columns, table.Rows);
        }

        foreach (var plot in result.Plots)
            text.Append(CultureInfo.InvariantCulture, $"![{plot.Title}]({Images}/{plot.File}.png)\n\n");
        foreach (var note in result.Notes)
            text.Append(CultureInfo.InvariantCulture, $"{Wrapped(note)}\n\n");
        return text.ToString().TrimEnd('\n') + "\n";
    }

    /// <summary>What misses its goal, failed or was not measured: what a reader must know first.</summary>
    private static void Summary(StringBuilder text, BenchmarkReport report, IReadOnlyList<ScenarioText> scenarios)
    {
        var results = scenarios
            .Select(scenario => (Scenario: scenario, Result: report.Results.FirstOrDefault(result => result.Name == scenario.Name)))
            .ToList();
        var misses = results
            .SelectMany(static one =>
                (one.Result?.Figures ?? [])
                    .Where(static figure => figure.Misses)
                    .Select(figure => (IReadOnlyList<string>)[Link(one.Scenario), figure.Name, Value(figure), Limit(figure)])
            )
            .ToList();
        var goals = report.Results.Sum(static result => result.Figures.Count(static figure => figure.Goal is not null));
        text.Append("## Worse than the goals\n\n");
        if (misses.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{misses.Count} of {goals} figures with a goal miss it; ")
                .Append("[profiles.md](profiles.md) says why:\n\n");
            Table(text, ["", "", "measured", "goal"], misses);
        }
        else
        {
            text.Append(CultureInfo.InvariantCulture, $"None of the {goals} figures with a goal.\n\n");
        }

        foreach (var (scenario, result) in results)
        {
            if (result?.Failure is not null)
                text.Append(CultureInfo.InvariantCulture, $"- {Link(scenario)} ended early: {OneLine(result.Failure)}\n");
            if (result is null)
                text.Append(CultureInfo.InvariantCulture, $"- {Link(scenario)} was not measured.\n");
            foreach (var line in result?.NotMeasured ?? [])
                text.Append(CultureInfo.InvariantCulture, $"- {Link(scenario)}, not measured: {line}\n");
        }

        text.Append('\n');
    }

    private static void Environment(StringBuilder text, BenchmarkReport report, IReadOnlyList<ScenarioText> scenarios)
    {
        var machine = report.Machine;
        text.Append("## Machine\n\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"{machine.Processor}, {machine.Cores} cores, {machine.MemoryMebibytes:#,0} MiB, {machine.Kernel}, {machine.Runtime}.\n\n"
        );
        Table(
            text,
            ["scenario", "began (UTC)", "seconds", "load average at the start", "at the end"],
            scenarios
                .SelectMany(scenario => report.Results.Where(result => result.Name == scenario.Name))
                .Select(static result =>
                    (IReadOnlyList<string>)
                        [
                            $"`{result.Name}`",
                            result.Began.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture),
                            Number(result.Seconds),
                            Number(result.LoadAtStart),
                            Number(result.LoadAtEnd),
                        ]
                )
        );
    }

    private static IReadOnlyList<string> Row(Figure figure) =>
        [
            figure.Name,
            Value(figure),
            figure.Goal is null ? "" : Limit(figure),
            figure.Goal is null ? ""
            : figure.Misses ? "**missed**"
            : "met",
        ];

    private static string Value(Figure figure)
    {
        var (median, low, high) = figure.Value;
        var range = low < high ? $" ({Number(low)}–{Number(high)})" : "";
        return $"{Number(median)}{range} {figure.Unit}".TrimEnd();
    }

    private static string Limit(Figure figure) =>
        $"{(figure.Goal!.AtLeast ? "≥" : "≤")} {Number(figure.Goal.Limit)} {figure.Unit}".TrimEnd();

    private static string Link(ScenarioText scenario) =>
        $"[{scenario.Title}](#{string.Concat(scenario.Title.Where(static one => one is not (',' or '/'))).Replace(' ', '-').ToLowerInvariant()})";

    /// <summary>Three significant digits: more would be noise.</summary>
    private static string Number(double value)
    {
        var format = Math.Abs(value) switch
        {
            >= 100 => "#,0",
            >= 10 => "0.#",
            _ => "0.##",
        };
        return value.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>Breaks a paragraph into lines.</summary>
    private static string Wrapped(string paragraph)
    {
        var text = new StringBuilder();
        var length = 0;
        foreach (var word in OneLine(paragraph).Split(' '))
        {
            if (length > 0 && length + 1 + word.Length > LineLength)
            {
                text.Append('\n');
                length = 0;
            }

            text.Append(length > 0 ? " " : "").Append(word);
            length += word.Length + (length > 0 ? 1 : 0);
        }

        return text.ToString();
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();

    private static void Table(StringBuilder text, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        Line(columns);
        text.Append('|').Insert(text.Length, "---|", columns.Count).Append('\n');
        foreach (var row in rows)
            Line(row);
        text.Append('\n');

        void Line(IReadOnlyList<string> cells) =>
            text.Append("| ")
                .AppendJoin(" | ", cells.Select(static cell => OneLine(cell).Replace("|", @"\|", StringComparison.Ordinal)))
                .Append(" |\n");
    }
}
