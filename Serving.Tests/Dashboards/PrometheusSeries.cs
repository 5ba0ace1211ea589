namespace Serving.Tests.Dashboards;

/// <summary>A series of a result.</summary>
/// <param name="Labels">Its labels.</param>
/// <param name="Samples">Its samples: seconds since 1970, and the value.</param>
internal sealed record PrometheusSeries(IReadOnlyDictionary<string, string> Labels, IReadOnlyList<(double Time, double Value)> Samples)
{
    /// <summary>Whether it has a number; a ratio of nothing has none.</summary>
    public bool HasNumber => Samples.Any(static sample => double.IsFinite(sample.Value));

    /// <summary>The name by a legend of Grafana, such as <c>{{le}}</c>.</summary>
    public string NameBy(string legend)
    {
        foreach (var (name, value) in Labels)
        {
            legend = legend.Replace("{{" + name + "}}", value, StringComparison.Ordinal);
        }

        return legend;
    }
}
