namespace Serving.Host.Local.Terminal;

/// <summary>
/// Renders the cluster for a terminal of a given size. Invariant: no more lines than the terminal has rows, and no line wider than the
/// terminal. What does not fit is dropped by priority: whole columns before part of a name, idle Services before failing or busy ones.
/// </summary>
internal static class LiveFrame
{
    private const string Green = "\e[32m";
    private const string Yellow = "\e[33m";
    private const string Red = "\e[31m";
    private const string Grey = "\e[90m";
    private const string Gap = "  ";
    private const int MostDots = 20;

    // In display order; the column with the lowest priority is dropped first.
    private static readonly Column[] Columns =
    [
        new("service", 9, live => new(live.Row.Service)),
        new(
            "state",
            8,
            live =>
                new(
                    live.Row.ServiceReady,
                    live.Row.IsFailing ? Red
                        : live.Row.ServiceReady == "Ready" ? Green
                        : Yellow
                )
        ),
        new("revision", 5, live => new(live.Row.Revision)),
        new("traffic", 3, live => new(live.Row.Percent is { } percent ? $"{percent}%" : "")),
        new("pods", 7, live => new(Pods(live.Row))),
        new("", 1, live => new(Dots(live.Row), Green)),
        new("requests", 2, live => new($"{live.Row.Requests}")),
        new("req/s", 6, live => new($"{live.Rate:0}")),
    ];

    /// <summary>The lines to show.</summary>
    /// <param name="rows">All rows, in any order.</param>
    /// <param name="title">The first line.</param>
    /// <param name="width">Columns of the terminal.</param>
    /// <param name="height">Rows of the terminal.</param>
    /// <param name="colors">Whether to use colors; escape sequences do not count as width.</param>
    public static IReadOnlyList<string> Lines(IReadOnlyList<LiveRow> rows, string title, int width, int height, bool colors)
    {
        var lines = new List<string> { Cell(new(title), width, colors) };
        if (rows.Count == 0)
        {
            lines.Add(Cell(new("none yet: kubectl apply -f samples/helloworld.yaml", Grey), width, colors));
            return [.. lines.Take(height)];
        }

        var hasHeader = height >= 4;
        var room = height - (hasHeader ? 2 : 1);
        var shown = Ordered(rows).Take(rows.Count <= room ? rows.Count : Math.Max(room - 1, 0)).ToList();
        lines.AddRange(Table(shown, hasHeader, width, colors));
        if (shown.Count < rows.Count)
        {
            lines.Add(Cell(new($"+ {rows.Count - shown.Count} more", Grey), width, colors));
        }

        return [.. lines.Take(Math.Max(height, 1))];
    }

    // Rates are compared by order of magnitude, so that rows with similar load keep their positions.
    private static IEnumerable<LiveRow> Ordered(IEnumerable<LiveRow> rows) =>
        rows.OrderByDescending(live => live.Row.IsFailing)
            .ThenByDescending(live => live.Rate > 0 ? 1 + Math.Floor(Math.Log2(live.Rate + 1)) : 0)
            .ThenByDescending(live => live.Row.ServiceReady != "Ready")
            .ThenByDescending(live => live.Row.Pods > 0)
            .ThenBy(live => live.Row.Service, StringComparer.Ordinal)
            .ThenBy(live => live.Row.Revision, StringComparer.Ordinal);

    private static IEnumerable<string> Table(IReadOnlyList<LiveRow> rows, bool hasHeader, int width, bool colors)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        var columns = Columns
            .Select(column => (column.Worth, Cells: rows.Select(column.Content).Prepend(new Text(column.Header, Grey)).ToList()))
            .Where(column => column.Cells.Skip(1).Any(cell => cell.Content.Length > 0))
            .Select(column => (column.Worth, column.Cells, Width: column.Cells.Skip(hasHeader ? 0 : 1).Max(cell => cell.Content.Length)))
            .ToList();
        while (columns.Count > 1 && columns.Sum(column => column.Width) + (Gap.Length * (columns.Count - 1)) > width)
        {
            columns.Remove(columns.MinBy(column => column.Worth));
        }

        return Enumerable
            .Range(hasHeader ? 0 : 1, rows.Count + (hasHeader ? 1 : 0))
            .Select(line =>
                string.Join(
                        Gap,
                        columns.Select(
                            (column, i) => Cell(column.Cells[line], Math.Min(column.Width, width), colors, isPadded: i < columns.Count - 1)
                        )
                    )
                    .TrimEnd()
            );
    }

    private static string Cell(Text text, int width, bool colors, bool isPadded = false)
    {
        var fitting =
            text.Content.Length <= width ? text.Content
            : width > 1 ? text.Content[..(width - 1)] + "…"
            : text.Content[..Math.Max(width, 0)];
        var padding = isPadded ? new string(' ', width - fitting.Length) : "";
        return (colors && text.Color is not null && fitting.Length > 0 ? $"{text.Color}{fitting}\e[0m" : fitting) + padding;
    }

    private static string Pods(RevisionRow row) =>
        row.WantedPods is { } wanted && wanted != row.Pods ? $"{row.ReadyPods} → {wanted}" : $"{row.ReadyPods}";

    private static string Dots(RevisionRow row) =>
        new string('●', Math.Min(row.ReadyPods, MostDots)) + new string('○', Math.Clamp(row.Pods - row.ReadyPods, 0, MostDots));

    /// <param name="Content">Without escape sequences, so that its length is its width.</param>
    /// <param name="Color">The escape sequence of its color; null for none.</param>
    private readonly record struct Text(string Content, string? Color = null);

    private sealed record Column(string Header, int Worth, Func<LiveRow, Text> Content);
}
