using System.Globalization;
using System.Text;

namespace Serving.Observability.Metrics;

/// <summary>Writes metrics in Prometheus' text format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public static void WriteFamily(StringBuilder text, string name, IReadOnlyList<MetricInstrument> instruments)
    {
        var first = instruments[0];
        if (!string.IsNullOrEmpty(first.Instrument.Description))
        {
            var help = first
                .Instrument.Description.Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {TypeOf(first.Kind)}\n");
        foreach (var instrument in instruments.Where(instrument => instrument.Kind == first.Kind))
        {
            var meterTags = instrument.Instrument.Meter.Tags ?? [];
            foreach (var series in instrument.Series)
            {
                var labels = Labels(meterTags.Concat(instrument.Instrument.Tags ?? []).Concat(series.Tags));
                if (first.Kind == MetricKind.Histogram)
                {
                    WriteHistogram(text, name, series, labels);
                }
                else
                {
                    WriteSample(text, name, labels, Number(series.Value));
                }
            }
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, MetricSeries series, string labels)
    {
        var bounds = series.Bounds!;
        var separator = labels.Length == 0 ? "" : ",";
        var cumulative = 0L;
        for (var i = 0; i < bounds.Length; i++)
        {
            cumulative += series.Bucket(i);
            WriteSample(
                text,
                name + "_bucket",
                $"{labels}{separator}le=\"{Number(bounds[i])}\"",
                cumulative.ToString(CultureInfo.InvariantCulture)
            );
        }

        cumulative += series.Bucket(bounds.Length);
        var total = cumulative.ToString(CultureInfo.InvariantCulture);
        WriteSample(text, name + "_bucket", $"{labels}{separator}le=\"+Inf\"", total);
        WriteSample(text, name + "_sum", labels, Number(series.Value));
        WriteSample(text, name + "_count", labels, total);
    }

    private static void WriteSample(StringBuilder text, string name, string labels, string value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value).Append('\n');
    }

    /// <summary>The labels; values whose names become equal after translation are joined.</summary>
    private static string Labels(IEnumerable<KeyValuePair<string, object?>> tags) =>
        string.Join(
            ',',
            tags.GroupBy(static tag => PrometheusNames.Label(tag.Key), StringComparer.Ordinal)
                .OrderBy(static group => group.Key, StringComparer.Ordinal)
                .Select(static group =>
                    $"{group.Key}=\"{PrometheusNames.LabelValue(string.Join(';', group.Select(static tag => Text(tag.Value))))}\""
                )
        );

    private static string Text(object? value) =>
        value switch
        {
            bool flag => flag ? "true" : "false",
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => value?.ToString() ?? "",
        };

    private static string Number(double value) =>
        value switch
        {
            double.PositiveInfinity => "+Inf",
            double.NegativeInfinity => "-Inf",
            double.NaN => "NaN",
            _ => value.ToString("R", CultureInfo.InvariantCulture),
        };

    private static string TypeOf(MetricKind kind) =>
        kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        };
}
