using System.Buffers;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Serving.Observability.Metrics;

/// <summary>
/// Writes metrics in Prometheus' text format or in OpenMetrics. Names, labels and values are the same in both. OpenMetrics adds units and
/// exemplars, names a counter's family without <c>_total</c>, and writes bounds of buckets as canonical numbers (<c>1.0</c>). A sample
/// costs no memory but its bytes: a control plane with a thousand revisions has nine thousand.
/// </summary>
/// <param name="output">Gets the text as UTF-8.</param>
/// <param name="format">The format.</param>
internal sealed class PrometheusText(IBufferWriter<byte> output, TextFormat format)
{
    private const string CounterSuffix = "_total";
    private const string Info = "target";
    private const int NumberLength = 32;

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
                    WriteSample(name, "", series.Labels, null, series.Value, series.ExemplarOf(0));
                }
            }
        }
    }

    /// <summary>Writes the attributes of the process as <c>target_info</c>.</summary>
    public void WriteTarget(IEnumerable<KeyValuePair<string, string>> attributes)
    {
        WriteMetadata(IsOpenMetrics ? Info : Info + "_info", IsOpenMetrics ? "info" : "gauge", "Target metadata", "");
        WriteSample(
            Info,
            "_info",
            Labels(attributes.Select(static attribute => KeyValuePair.Create(attribute.Key, (object?)attribute.Value))),
            null,
            1,
            null
        );
    }

    /// <summary>Writes the end.</summary>
    public void End()
    {
        if (IsOpenMetrics)
        {
            Write("# EOF\n"u8);
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
            WriteComment("# HELP "u8, family, Escaped(description));
        }

        WriteComment("# TYPE "u8, family, type);
        if (IsOpenMetrics && unit.Length > 0)
        {
            WriteComment("# UNIT "u8, family, unit);
        }
    }

    private void WriteComment(ReadOnlySpan<byte> keyword, string family, string text)
    {
        Write(keyword);
        Write(family);
        Write(" "u8);
        Write(text);
        Write("\n"u8);
    }

    private void WriteHistogram(string name, MetricSeries series)
    {
        var bounds = series.Bounds!;
        var cumulative = 0L;
        for (var i = 0; i <= bounds.Length; i++)
        {
            cumulative += series.Bucket(i);
            WriteSample(
                name,
                "_bucket",
                series.Labels,
                i < bounds.Length ? bounds[i] : double.PositiveInfinity,
                cumulative,
                series.ExemplarOf(i)
            );
        }

        WriteSample(name, "_sum", series.Labels, null, series.Value, null);
        WriteSample(name, "_count", series.Labels, null, cumulative, null);
    }

    // A count below 2^53 is the same number as a double.
    private void WriteSample(string name, string suffix, string labels, double? bound, double value, Exemplar? exemplar)
    {
        Write(name);
        Write(suffix);
        if (labels.Length > 0 || bound is not null)
        {
            Write("{"u8);
            Write(labels);
            if (bound is { } upper)
            {
                Write(labels.Length > 0 ? ",le=\""u8 : "le=\""u8);
                WriteBound(upper);
                Write("\""u8);
            }

            Write("}"u8);
        }

        Write(" "u8);
        Write(value);
        if (IsOpenMetrics && exemplar is not null)
        {
            Write(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $" # {{trace_id=\"{exemplar.TraceId}\",span_id=\"{exemplar.SpanId}\"}} {Number(exemplar.Value)} {exemplar.Time.ToUnixTimeMilliseconds() / 1000.0:F3}"
                )
            );
        }

        Write("\n"u8);
    }

    private void WriteBound(double value)
    {
        Span<byte> number = stackalloc byte[NumberLength];
        number = number[..Format(value, number)];
        Write(number);
        if (IsOpenMetrics && double.IsFinite(value) && number.IndexOfAny((byte)'.', (byte)'E') < 0)
        {
            Write(".0"u8);
        }
    }

    private void Write(ReadOnlySpan<byte> bytes) => output.Write(bytes);

    private void Write(string text)
    {
        var room = output.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        output.Advance(Encoding.UTF8.GetBytes(text, room));
    }

    private void Write(double value) => output.Advance(Format(value, output.GetSpan(NumberLength)));

    private static int Format(double value, Span<byte> room) =>
        double.IsFinite(value) && value.TryFormat(room, out var written, "R", CultureInfo.InvariantCulture)
            ? written
            : Encoding.UTF8.GetBytes(Number(value), room);

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
