using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Serving.Observability.Metrics;

/// <summary>
/// Writes metrics in Prometheus' text format or in OpenMetrics. Names, labels and values are the same in both. OpenMetrics adds units and
/// exemplars, names a counter's family without <c>_total</c>, and writes bounds of buckets as canonical numbers (<c>1.0</c>).
/// </summary>
internal sealed class PrometheusText(StringBuilder text, TextFormat format)
{
    private const string CounterSuffix = "_total";
    private const string Info = "target";

    private bool IsOpenMetrics => format == TextFormat.OpenMetrics;

    /// <summary>The tags of a series, with those of its instrument and meter, as labels; values whose names become equal after translation
    /// are joined.</summary>
    public static string Labels(Instrument instrument, IEnumerable<KeyValuePair<string, object?>> tags) =>
        Labels((instrument.Meter.Tags ?? []).Concat(instrument.Tags ?? []).Concat(tags));

    /// <summary>Writes all series of one name.</summary>
    public void WriteFamily(string name, IReadOnlyList<(MetricInstrument Instrument, List<MetricSeries> Series)> members)
    {
        var first = members[0].Instrument;
        var family = IsOpenMetrics && first.Kind == MetricKind.Counter ? name[..^CounterSuffix.Length] : name;
        WriteMetadata(family, TypeOf(first.Kind), first.Instrument.Description, UnitOf(family, first));
        foreach (var (instrument, all) in members)
        {
            if (instrument.Kind != first.Kind)
            {
                continue;
            }

            foreach (var series in all)
            {
                if (first.Kind == MetricKind.Histogram)
                {
                    WriteHistogram(name, series);
                }
                else
                {
                    WriteSample(name, series.Labels, null, Number(series.Value), series.ExemplarOf(0));
                }
            }
        }
    }

    /// <summary>Writes the attributes of the process as <c>target_info</c>.</summary>
    public void WriteTarget(IEnumerable<KeyValuePair<string, string>> attributes)
    {
        WriteMetadata(IsOpenMetrics ? Info : Info + "_info", IsOpenMetrics ? "info" : "gauge", "Target metadata", "");
        WriteSample(
            Info + "_info",
            Labels(attributes.Select(static attribute => KeyValuePair.Create(attribute.Key, (object?)attribute.Value))),
            null,
            "1",
            null
        );
    }

    /// <summary>Writes the end.</summary>
    public void End()
    {
        if (IsOpenMetrics)
        {
            text.Append("# EOF\n");
        }
    }

    private static string Labels(IEnumerable<KeyValuePair<string, object?>> tags) =>
        string.Join(
            ',',
            tags.GroupBy(static tag => PrometheusNames.Label(tag.Key), StringComparer.Ordinal)
                .OrderBy(static group => group.Key, StringComparer.Ordinal)
                .Select(static group =>
                    $"{group.Key}=\"{PrometheusNames.LabelValue(string.Join(';', group.Select(static tag => Text(tag.Value))))}\""
                )
        );

    private void WriteMetadata(string family, string type, string? description, string unit)
    {
        if (!string.IsNullOrEmpty(description))
        {
            text.Append("# HELP ").Append(family).Append(' ').Append(Escaped(description)).Append('\n');
        }

        text.Append("# TYPE ").Append(family).Append(' ').Append(type).Append('\n');
        if (IsOpenMetrics && unit.Length > 0)
        {
            text.Append("# UNIT ").Append(family).Append(' ').Append(unit).Append('\n');
        }
    }

    private void WriteHistogram(string name, MetricSeries series)
    {
        var bounds = series.Bounds!;
        var bucket = name + "_bucket";
        var cumulative = 0L;
        for (var i = 0; i <= bounds.Length; i++)
        {
            cumulative += series.Bucket(i);
            WriteSample(
                bucket,
                series.Labels,
                i < bounds.Length ? Bound(bounds[i]) : "+Inf",
                cumulative.ToString(CultureInfo.InvariantCulture),
                series.ExemplarOf(i)
            );
        }

        WriteSample(name + "_sum", series.Labels, null, Number(series.Value), null);
        WriteSample(name + "_count", series.Labels, null, cumulative.ToString(CultureInfo.InvariantCulture), null);
    }

    private void WriteSample(string name, string labels, string? bound, string value, Exemplar? exemplar)
    {
        text.Append(name);
        if (labels.Length > 0 || bound is not null)
        {
            text.Append('{').Append(labels);
            if (bound is not null)
            {
                text.Append(labels.Length > 0 ? ",le=\"" : "le=\"").Append(bound).Append('"');
            }

            text.Append('}');
        }

        text.Append(' ').Append(value);
        if (IsOpenMetrics && exemplar is not null)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $" # {{trace_id=\"{exemplar.TraceId}\",span_id=\"{exemplar.SpanId}\"}} {Number(exemplar.Value)} {exemplar.Time.ToUnixTimeMilliseconds() / 1000.0:F3}"
            );
        }

        text.Append('\n');
    }

    private string Bound(double value)
    {
        var number = Number(value);
        return IsOpenMetrics && !number.Contains('.', StringComparison.Ordinal) && !number.Contains('E', StringComparison.Ordinal)
            ? number + ".0"
            : number;
    }

    private string Escaped(string description)
    {
        var escaped = description.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return IsOpenMetrics ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }

    /// <summary>The unit that OpenMetrics names; it must be the end of the family's name.</summary>
    private static string UnitOf(string family, MetricInstrument instrument)
    {
        var unit = PrometheusNames.UnitOf(instrument.Instrument.Unit, instrument.Kind == MetricKind.Gauge);
        return family.EndsWith("_" + unit, StringComparison.Ordinal) ? unit : "";
    }

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
