using System.Text;

namespace Serving.Observability.Metrics;

/// <summary>Translates OpenTelemetry names to Prometheus names, following OpenTelemetry's compatibility specification.</summary>
internal static class PrometheusNames
{
    /// <summary>The name of a metric: invalid characters replaced, the unit appended, <c>_total</c> appended to monotonic sums.</summary>
    public static string Metric(string name, string? unit, bool monotonic, bool gauge)
    {
        var result = Sanitize(name, colon: true);
        var suffix = UnitOf(unit, gauge);
        if (monotonic && result.EndsWith("_total", StringComparison.Ordinal))
        {
            result = result[..^"_total".Length];
        }

        if (suffix.Length > 0 && !result.EndsWith("_" + suffix, StringComparison.Ordinal) && result != suffix)
        {
            result += "_" + suffix;
        }

        return monotonic ? result + "_total" : result;
    }

    /// <summary>The name of a label.</summary>
    public static string Label(string name) => Sanitize(name, colon: false);

    /// <summary>The escaped value of a label.</summary>
    public static string LabelValue(string value) =>
        value
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Sanitize(string name, bool colon)
    {
        var result = new StringBuilder(name.Length + 1);
        foreach (var c in name)
        {
            var valid = char.IsAsciiLetterOrDigit(c) || c == '_' || (colon && c == ':');
            if (valid)
            {
                result.Append(c);
            }
            else if (result.Length == 0 || result[^1] != '_')
            {
                result.Append('_');
            }
        }

        if (result.Length > 0 && char.IsAsciiDigit(result[0]))
        {
            result.Insert(0, '_');
        }

        return result.ToString();
    }

    /// <summary>The unit as a suffix of names, such as <c>seconds</c>; empty for none.</summary>
    public static string UnitOf(string? unit, bool gauge)
    {
        if (string.IsNullOrEmpty(unit))
        {
            return "";
        }

        if (unit == "1")
        {
            return gauge ? "ratio" : "";
        }

        var parts = unit.Split('/', 2);
        var first = Word(parts[0]);
        var second = parts.Length == 2 ? PerWord(parts[1]) : "";
        return (first.Length, second.Length) switch
        {
            (0, 0) => "",
            (0, _) => "per_" + second,
            (_, 0) => first,
            _ => first + "_per_" + second,
        };
    }

    private static string Word(string unit) =>
        unit switch
        {
            ['{', ..] => "",
            "d" => "days",
            "h" => "hours",
            "min" => "minutes",
            "s" => "seconds",
            "ms" => "milliseconds",
            "us" => "microseconds",
            "ns" => "nanoseconds",
            "By" => "bytes",
            "KiBy" => "kibibytes",
            "MiBy" => "mebibytes",
            "GiBy" => "gibibytes",
            "%" => "percent",
            "Cel" => "celsius",
            "Hz" => "hertz",
            "J" => "joules",
            "W" => "watts",
            "V" => "volts",
            "A" => "amperes",
            "m" => "meters",
            _ => Sanitize(unit, colon: false).Trim('_'),
        };

    private static string PerWord(string unit) =>
        unit switch
        {
            ['{', ..] => "",
            "s" => "second",
            "m" => "minute",
            "min" => "minute",
            "h" => "hour",
            "d" => "day",
            "w" => "week",
            "mo" => "month",
            "y" => "year",
            _ => Word(unit),
        };
}
