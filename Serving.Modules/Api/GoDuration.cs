using System.Buffers;
using System.Globalization;
using System.Text;

namespace Serving.Api;

/// <summary>A duration in Go's format (<c>1h15m30.5s</c>), as used in annotations.</summary>
/// <param name="Nanoseconds">The duration in nanoseconds.</param>
public readonly record struct GoDuration(long Nanoseconds)
{
    private const long PerSecond = 1_000_000_000;
    private static readonly SearchValues<char> Decimal = SearchValues.Create("0123456789.");

    /// <summary>Zero.</summary>
    public static GoDuration Zero { get; }

    /// <summary>A duration of whole seconds.</summary>
    public static GoDuration OfSeconds(long seconds) => new(seconds * PerSecond);

    /// <summary>Whether it is a whole number of seconds.</summary>
    public bool IsWholeSeconds => Nanoseconds % PerSecond == 0;

    /// <summary>The duration truncated to 100 ns.</summary>
    public TimeSpan ToTimeSpan() => TimeSpan.FromTicks(Nanoseconds / TimeSpan.NanosecondsPerTick);

    /// <summary>Parses a duration: a sign, then numbers with units, or a bare 0.</summary>
    public static bool TryParse(string text, out GoDuration duration) => Read(text, out duration) is null;

    /// <summary>Parses a duration; throws <see cref="FormatException"/> with the error text of Go's <c>time.ParseDuration</c>.</summary>
    public static GoDuration Parse(string text) =>
        Read(text, out var duration) is { } problem ? throw new FormatException(problem) : duration;

    /// <summary>Returns the error; null for none.</summary>
    private static string? Read(string text, out GoDuration duration)
    {
        ArgumentNullException.ThrowIfNull(text);
        duration = default;
        var invalid = $"time: invalid duration {Quote(text)}";
        var rest = text.AsSpan();
        var negative = rest is ['-', ..];
        if (rest is ['-' or '+', ..])
        {
            rest = rest[1..];
        }

        if (rest is "0")
        {
            return null;
        }

        if (rest.IsEmpty)
        {
            return invalid;
        }

        decimal total = 0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Decimal);
            if (digits < 0)
            {
                return $"time: missing unit in duration {Quote(text)}";
            }

            if (digits == 0 || !TryParseNumber(rest[..digits], out var number))
            {
                return invalid;
            }

            rest = rest[digits..];
            var unit = rest.IndexOfAny(Decimal);
            unit = unit < 0 ? rest.Length : unit;
            var scale = UnitOf(rest[..unit]);
            if (scale == 0)
            {
                return $"time: unknown unit {Quote(rest[..unit].ToString())} in duration {Quote(text)}";
            }

            if (number > long.MaxValue / scale + 1)
            {
                return invalid;
            }

            total += number * scale;
            rest = rest[unit..];
            if (total > (negative ? -(decimal)long.MinValue : long.MaxValue))
            {
                return invalid;
            }
        }

        duration = new((long)(negative ? -total : total));
        return null;
    }

    private static string Quote(string text) =>
        "\""
        + text.Replace("\\", @"\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", @"\n", StringComparison.Ordinal)
        + "\"";

    // Insignificant digits of a fraction are dropped; too many digits before the point are out of range.
    private static bool TryParseNumber(ReadOnlySpan<char> text, out decimal number)
    {
        number = 0;
        var point = text.IndexOf('.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? [] : text[(point + 1)..];
        if (fraction.Contains('.') || (whole.IsEmpty && fraction.IsEmpty) || whole.TrimStart('0').Length > 19)
        {
            return false;
        }

        number = whole.TrimStart('0').IsEmpty ? 0 : decimal.Parse(whole.TrimStart('0'), NumberStyles.None, CultureInfo.InvariantCulture);
        var kept = fraction[..Math.Min(fraction.Length, 18)];
        number += kept.IsEmpty ? 0 : decimal.Parse(string.Concat("0.", kept), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return true;
    }

    /// <summary>The same duration; exact.</summary>
    public static GoDuration Of(TimeSpan time) => new(time.Ticks * TimeSpan.NanosecondsPerTick);

    /// <summary>Formats like Go: <c>1h0m0s</c>, <c>6s</c>, <c>1.5s</c>, <c>300ms</c>.</summary>
    public override string ToString()
    {
        if (Nanoseconds == 0)
        {
            return "0s";
        }

        var magnitude = Math.Abs((decimal)Nanoseconds);
        var sign = Nanoseconds < 0 ? "-" : "";
        if (magnitude < PerSecond)
        {
            var (unit, scale) =
                magnitude < 1_000 ? ("ns", 1m)
                : magnitude < 1_000_000 ? ("µs", 1_000m)
                : ("ms", 1_000_000m);
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{magnitude / scale:0.#########}{unit}");
        }

        var text = new StringBuilder(sign);
        var seconds = magnitude / PerSecond;
        var hours = Math.Floor(seconds / 3600);
        var minutes = Math.Floor(seconds % 3600 / 60);
        if (hours > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{hours:0}h");
        }

        if (hours > 0 || minutes > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{minutes:0}m");
        }

        return text.Append(CultureInfo.InvariantCulture, $"{seconds % 60:0.#########}s").ToString();
    }

    private static decimal UnitOf(ReadOnlySpan<char> unit) =>
        unit switch
        {
            "ns" => 1,
            "us" or "µs" or "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => PerSecond,
            "m" => 60m * PerSecond,
            "h" => 3600m * PerSecond,
            _ => 0,
        };
}
