namespace Serving.Tests.Dashboards;

/// <summary>A panel as its source describes it.</summary>
/// <param name="Title">The title.</param>
/// <param name="Unit">Grafana's name of the unit.</param>
/// <param name="Description">What it shows and what to conclude from it.</param>
/// <param name="Empty">Shown when there is no data: why that is.</param>
internal sealed record PanelSource(string Title, string Unit, string Description, string Empty)
{
    /// <summary>Grafana's type.</summary>
    public required string Type { get; init; }

    /// <summary>The width, of 24.</summary>
    public required int Width { get; init; }

    /// <summary>The height; null for that of the type.</summary>
    public int? Height { get; init; }

    /// <summary>The largest value that there can be; null when there is none.</summary>
    public double? Max { get; init; }

    /// <summary>The colours by value; the first has no value.</summary>
    public required IReadOnlyList<Threshold> Thresholds { get; init; }

    /// <summary>How a time series is drawn: line, bars or points.</summary>
    public required string Kind { get; init; }

    /// <summary>Whether series are drawn on top of each other.</summary>
    public required bool IsStacked { get; init; }

    /// <summary>The text mode of a single value; null for the type's own.</summary>
    public string? TextMode { get; init; }

    /// <summary>The queries of everything but a table.</summary>
    public required IReadOnlyList<Query> Queries { get; init; }

    /// <summary>The labels that name a row of a table.</summary>
    public required IReadOnlyList<string> By { get; init; }

    /// <summary>The columns of a table besides those.</summary>
    public required IReadOnlyList<Column> Columns { get; init; }

    /// <summary>A query and the name of its series.</summary>
    internal sealed record Query(string Legend, string Expression);

    /// <summary>A column of a table.</summary>
    internal sealed record Column(string Name, string Unit, string Expression, bool IsColored);

    /// <summary>The colour from a value on.</summary>
    internal sealed record Threshold(double? From, string Color);
}
