using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Benchmarks.Report.Model;

/// <summary>The samples of a scrape that have at most one label of interest.</summary>
internal static partial class MetricText
{
    /// <summary>The sum of the samples of a name for each value of a label; other labels are added up.</summary>
    /// <param name="text">The scrape, in Prometheus' text format.</param>
    /// <param name="name">The name of the samples.</param>
    /// <param name="label">The label; samples without it have the value "".</param>
    public static IReadOnlyDictionary<string, double> Sums(string text, string name, string label)
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            if (Sample().Match(line) is not { Success: true } match || match.Groups[1].Value != name)
                continue;
            var value = Label()
                .Matches(match.Groups[2].Value)
                .Where(one => one.Groups[1].Value == label)
                .Select(static one => one.Groups[2].Value)
                .FirstOrDefault("");
            sums[value] = sums.GetValueOrDefault(value) + double.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture);
        }

        return sums;
    }

    [GeneratedRegex(@"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")]
    private static partial Regex Sample();

    [GeneratedRegex("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Label();
}
