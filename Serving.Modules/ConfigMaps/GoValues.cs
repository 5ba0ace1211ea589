using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Api;

namespace Serving.ConfigMaps;

/// <summary>Parses values like Go's standard library, with its error texts. Every method throws <see cref="FormatException"/>.</summary>
public static partial class GoValues
{
    /// <summary><c>strconv.ParseBool</c>.</summary>
    public static bool ParseBool(string text) =>
        text switch
        {
            "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
            "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
            _ => throw Invalid("ParseBool", text, "invalid syntax"),
        };

    /// <summary><c>strconv.ParseInt(text, 10, bits)</c>.</summary>
    public static long ParseInt(string text, int bits)
    {
        if (!WholeNumber().IsMatch(text))
            throw Invalid("ParseInt", text, "invalid syntax");
        if (
            !long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            || (bits == 32 && value is < int.MinValue or > int.MaxValue)
        )
        {
            throw Invalid("ParseInt", text, "value out of range");
        }

        return value;
    }

    /// <summary><c>strconv.ParseUint(text, 10, bits)</c>.</summary>
    public static ulong ParseUint(string text, int bits)
    {
        if (text.Length == 0 || !text.All(char.IsAsciiDigit))
            throw Invalid("ParseUint", text, "invalid syntax");
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || (bits == 32 && value > uint.MaxValue))
        {
            throw Invalid("ParseUint", text, "value out of range");
        }

        return value;
    }

    /// <summary><c>strconv.ParseFloat(text, 64)</c>, decimal forms; NaN is rejected, since it is meaningless for every key.</summary>
    public static double ParseFloat(string text)
    {
        if (!Decimal().IsMatch(text))
            throw Invalid("ParseFloat", text, "invalid syntax");
        var value = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsInfinity(value) ? throw Invalid("ParseFloat", text, "value out of range") : value;
    }

    /// <summary><c>time.ParseDuration</c>: <c>1h2m3.5s</c>; units ns, us, ms, s, m, h; precise to 100 ns.</summary>
    public static TimeSpan ParseDuration(string text) => GoDuration.Parse(text).ToTimeSpan();

    /// <summary><c>time.Duration.String</c>: <c>1h0m0s</c>, <c>1.5s</c>, <c>100ms</c>, <c>0s</c>.</summary>
    public static string Format(TimeSpan value) => GoDuration.Of(value).ToString();

    /// <summary>Go's <c>%v</c> of a float64.</summary>
    public static string Format(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Go's <c>%q</c>.</summary>
    public static string Quote(string text) =>
        "\""
        + text.Replace("\\", @"\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", @"\n", StringComparison.Ordinal)
        + "\"";

    private static FormatException Invalid(string function, string text, string why) =>
        new($"strconv.{function}: parsing {Quote(text)}: {why}");

    [GeneratedRegex(@"^[+-]?[0-9]+\z")]
    private static partial Regex WholeNumber();

    // Each run of digits is matched without backtracking, which would be quadratic for a long run.
    [GeneratedRegex(@"^[+-]?((?>[0-9]+)(\.(?>[0-9]*))?|\.(?>[0-9]+))([eE][+-]?(?>[0-9]+))?\z")]
    private static partial Regex Decimal();
}
