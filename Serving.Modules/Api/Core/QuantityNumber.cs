using System.Buffers;
using System.Globalization;
using System.Numerics;

namespace Serving.Api.Core;

/// <summary>The family of a quantity's suffix.</summary>
internal enum QuantityFormat
{
    /// <summary>Decimal SI suffixes, or none.</summary>
    DecimalSI,

    /// <summary>Binary suffixes (powers of 1024).</summary>
    BinarySI,

    /// <summary>Decimal exponents.</summary>
    DecimalExponent,
}

/// <summary>
/// A parsed quantity, by the grammar of Kubernetes' resource package: digits on either side of the point may be missing, values below a
/// billionth are rounded up to it, and values with binary suffixes are capped at 2^63-1. Invariant: the value is <see cref="Value"/> times
/// ten to the power of <see cref="Scale"/>, and no power of ten is computed that is not spelled out in the text.
/// </summary>
/// <param name="Value">The digits.</param>
/// <param name="Scale">The power of ten.</param>
/// <param name="Format">The family of the suffix.</param>
/// <param name="Kept">The text where it is canonical as it is, otherwise empty.</param>
/// <param name="IsSmall">Whether Kubernetes represents it as a 64-bit integer and a scale.</param>
internal readonly record struct QuantityNumber(BigInteger Value, long Scale, QuantityFormat Format, string Kept, bool IsSmall)
{
    private const string WrongForm = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    private const string WrongSuffix = "unable to parse quantity's suffix";
    private const int Nano = -9;

    // Far beyond any real value; the cost grows faster than the length of the text.
    private const int MaxLength = 1024;
    private const int SmallDigits = 18;
    private static readonly string[] DecimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    private static readonly string[] BinarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    private static readonly SearchValues<char> SuffixLetters = SearchValues.Create("eEinumkKMGTP");

    /// <summary>Parses a text; returns why it is invalid, null if it is valid.</summary>
    public static string? Read(string text, out QuantityNumber number)
    {
        number = default;
        if (text.Length is 0 or > MaxLength)
        {
            return WrongForm;
        }

        if (text == "0")
        {
            number = new(0, 0, QuantityFormat.DecimalSI, text, IsSmall: true);
            return null;
        }

        var rest = text is ['+' or '-', ..] ? text.AsSpan(1) : text;
        var whole = Digits(rest);
        rest = rest[whole.Length..];
        whole = whole.TrimStart('0') is { IsEmpty: false } significant ? significant : "0";
        var fraction = ReadOnlySpan<char>.Empty;
        if (rest is ['.', ..])
        {
            rest = rest[1..];
            fraction = Digits(rest);
            rest = rest[fraction.Length..];
        }

        if (!HasFormOfSuffix(rest))
        {
            return WrongForm;
        }

        if (!TryReadSuffix(rest, out var bits, out var exponent, out var format))
        {
            return WrongSuffix;
        }

        number =
            format == QuantityFormat.BinarySI
                ? OfBinary(text, whole, fraction, bits)
                : OfDecimal(text, $"{whole}{fraction}", exponent - fraction.Length, format);
        number = text[0] == '-' ? number with { Value = -number.Value } : number;
        return null;
    }

    /// <summary>The canonical form.</summary>
    public string Canonical
    {
        get
        {
            if (Kept.Length > 0)
            {
                return Kept;
            }

            if (Value.IsZero)
            {
                return "0";
            }

            var (digits, power) = WithoutTens;
            if (
                Format == QuantityFormat.BinarySI
                && power >= 0
                && digits * BigInteger.Pow(10, (int)power) is var amount
                && BigInteger.Abs(amount) >= 1024
            )
            {
                var thousands = 0;
                while (thousands < BinarySuffixes.Length - 1 && (amount & 1023).IsZero)
                {
                    amount >>= 10;
                    thousands++;
                }

                return Text(amount) + BinarySuffixes[thousands];
            }

            // Kubernetes omits a suffix that it has no letter for, which changes the value; here it becomes an exponent.
            var threes = (long)Math.Floor(power / 3m);
            var shown = Text(digits * BigInteger.Pow(10, (int)(power - (threes * 3))));
            return threes == 0 ? shown
                : Format != QuantityFormat.DecimalExponent && threes is >= -3 and <= 6 ? shown + DecimalSuffixes[threes + 3]
                : string.Create(CultureInfo.InvariantCulture, $"{shown}e{threes * 3}");
        }
    }

    /// <summary>The value; false when it is out of range.</summary>
    public bool TryGetAmount(out decimal amount)
    {
        amount = 0;
        var (digits, power) = WithoutTens;
        if (
            power is > 28 or < Nano
            || digits * BigInteger.Pow(10, (int)Math.Max(power, 0)) is var whole && BigInteger.Abs(whole) > (BigInteger)decimal.MaxValue
        )
        {
            return false;
        }

        amount = (decimal)whole * new decimal(1, 0, 0, isNegative: false, (byte)Math.Max(-power, 0));
        return true;
    }

    /// <summary>Whether both have the same value.</summary>
    public bool IsSameAmountAs(QuantityNumber other) => WithoutTens == other.WithoutTens;

    private (BigInteger Digits, long Power) WithoutTens
    {
        get
        {
            if (Value.IsZero)
            {
                return (0, 0);
            }

            var (digits, power) = (Value, Scale);
            while (BigInteger.DivRem(digits, 10) is var (quotient, remainder) && remainder.IsZero)
            {
                (digits, power) = (quotient, power + 1);
            }

            return (digits, power);
        }
    }

    private static QuantityNumber OfDecimal(string text, string digits, long scale, QuantityFormat format)
    {
        var value = BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        if (digits.Length <= SmallDigits && scale >= Nano)
        {
            var isKept = scale % 3 == 0 && digits[0] != '0' && !digits.EndsWith("000", StringComparison.Ordinal);
            return new(value, scale, format, isKept ? text : "", IsSmall: true);
        }

        return RoundedUp(new(value, scale, format, "", IsSmall: false));
    }

    private static QuantityNumber OfBinary(string text, ReadOnlySpan<char> whole, ReadOnlySpan<char> fraction, int bits)
    {
        var value = BigInteger.Parse($"{whole}{fraction}", NumberStyles.None, CultureInfo.InvariantCulture);
        if (fraction.IsEmpty && 14 - whole.Length - (bits * 3 / 10) >= 0)
        {
            return new(value << bits, 0, QuantityFormat.BinarySI, (value & 7).IsZero ? "" : text, IsSmall: true);
        }

        var number = RoundedUp(new(value << bits, -fraction.Length, QuantityFormat.BinarySI, "", IsSmall: false));
        var one = BigInteger.Pow(10, (int)-number.Scale);
        return number.Value > long.MaxValue * one ? number with { Value = long.MaxValue, Scale = 0 }
            : number.Value < one ? number with { Format = QuantityFormat.DecimalSI }
            : number;
    }

    private static QuantityNumber RoundedUp(QuantityNumber number)
    {
        if (number.Scale >= Nano || number.Value.IsZero)
        {
            return number;
        }

        // A divisor longer than any text leaves less than a billionth, which is rounded up to one.
        var places = Nano - number.Scale;
        var value = places > MaxLength ? 1 : Ceiling(number.Value, BigInteger.Pow(10, (int)places));
        return number with { Value = value, Scale = Nano };
    }

    private static BigInteger Ceiling(BigInteger value, BigInteger divisor) => (value + divisor - 1) / divisor;

    private static ReadOnlySpan<char> Digits(ReadOnlySpan<char> text) =>
        text.IndexOfAnyExceptInRange('0', '9') is var end and >= 0 ? text[..end] : text;

    private static bool HasFormOfSuffix(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExcept(SuffixLetters);
        var number = end < 0 ? "" : text[end..];
        return !(number is ['+' or '-', ..] ? number[1..] : number).ContainsAnyExceptInRange('0', '9');
    }

    private static bool TryReadSuffix(ReadOnlySpan<char> suffix, out int bits, out int exponent, out QuantityFormat format)
    {
        (bits, exponent, format) = (0, 0, QuantityFormat.DecimalSI);
        var text = suffix.ToString();
        if (Array.IndexOf(DecimalSuffixes, text) is var power and >= 0)
        {
            exponent = (power - 3) * 3;
            return true;
        }

        if (Array.IndexOf(BinarySuffixes, text) is var thousands and >= 0)
        {
            (bits, format) = (thousands * 10, QuantityFormat.BinarySI);
            return true;
        }

        format = QuantityFormat.DecimalExponent;
        return text is ['e' or 'E', _, ..]
            && int.TryParse(text.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent);
    }

    private static string Text(BigInteger value) => value.ToString(CultureInfo.InvariantCulture);
}
