using System.Buffers;
using System.Globalization;
using System.Text;

namespace Serving.Api.Validation;

/// <summary>A duration as Go writes it (<c>1h15m30.5s</c>), in nanoseconds.</summary>
internal readonly record struct GoDuration(long Nanoseconds)
{
    private const long PerSecond = 1_000_000_000;
    private static readonly SearchValues<char> Decimal = SearchValues.Create("0123456789.");

    public static GoDuration Zero { get; }

    public static GoDuration OfSeconds(long seconds) => new(seconds * PerSecond);

    /// <summary>Whether it has no part below a second.</summary>
    public bool IsWholeSeconds => Nanoseconds % PerSecond == 0;

    /// <summary>Reads a duration: a sign, then numbers with units, or a bare 0.</summary>
    public static bool TryParse(string text, out GoDuration duration)
    {
        duration = default;
        var rest = text.AsSpan();
        var negative = rest is ['-', ..];
        if (rest is ['-' or '+', ..])
        {
            rest = rest[1..];
        }

        if (rest is "0")
        {
            return true;
        }

        if (rest.IsEmpty)
        {
            return false;
        }

        decimal total = 0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Decimal);
            if (digits <= 0 || !TryParseNumber(rest[..digits], out var number))
            {
                return false;
            }

            rest = rest[digits..];
            var unit = rest.IndexOfAny(Decimal);
            unit = unit < 0 ? rest.Length : unit;
            var scale = UnitOf(rest[..unit]);
            if (scale == 0 || number > long.MaxValue / scale + 1)
            {
                return false;
            }

            total += number * scale;
            rest = rest[unit..];
            if (total > (negative ? -(decimal)long.MinValue : long.MaxValue))
            {
                return false;
            }
        }

        duration = new((long)(negative ? -total : total));
        return true;
    }

    // Digits of a fraction beyond what can matter are cut off; too many before the point cannot be a duration.
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

    /// <summary>As Go prints it: <c>1h0m0s</c>, <c>6s</c>, <c>1.5s</c>, <c>300ms</c>.</summary>
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
            var (unit, scale) = magnitude < 1_000 ? ("ns", 1m) : magnitude < 1_000_000 ? ("µs", 1_000m) : ("ms", 1_000_000m);
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

    private static decimal UnitOf(ReadOnlySpan<char> unit) => unit switch
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
