namespace Serving.Benchmarks.Report.Model;

/// <summary>Absolute figures beside each other.</summary>
/// <param name="Caption">What the rows have in common.</param>
/// <param name="Columns">The heads.</param>
/// <param name="Rows">The cells, as many in each row as there are heads.</param>
internal sealed record ResultTable(string Caption, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);
