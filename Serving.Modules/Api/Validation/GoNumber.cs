using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Serving.Api.Validation;

/// <summary>The result of parsing a number.</summary>
public enum GoNumberResult
{
    /// <summary>A number within the range.</summary>
    Fine,

    /// <summary>Not a number.</summary>
    Malformed,

    /// <summary>A number out of range.</summary>
    OutOfRange,
}

/// <summary>Parses numbers as strictly as Go's strconv package: no spaces, no separators, but <c>inf</c>, <c>nan</c> and hexadecimal
/// fractions.</summary>
public static partial class GoNumber
{
    /// <summary>Parses a decimal integer between <paramref name="least"/> and <paramref name="most"/>; <paramref name="value"/> is 0 on
    /// failure.</summary>
    public static GoNumberResult ParseInt(string text, long least, long most, out long value)
    {
        value = 0;
        var digits = text is ['+' or '-', ..] ? text.AsSpan(1) : text.AsSpan();
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
        {
            return GoNumberResult.Malformed;
        }

        if (
            !long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            || number < least
            || number > most
        )
        {
            return GoNumberResult.OutOfRange;
        }

        value = number;
        return GoNumberResult.Fine;
    }

    /// <summary>Parses a floating-point number; false when it is invalid or out of range.</summary>
    public static bool TryParseFloat(string text, out double value)
    {
        value = 0;
        var unsigned = text is ['+' or '-', ..] ? text[1..] : text;
        var sign = text.StartsWith('-') ? -1.0 : 1.0;
        if (unsigned.Equals("inf", StringComparison.OrdinalIgnoreCase) || unsigned.Equals("infinity", StringComparison.OrdinalIgnoreCase))
        {
            value = sign * double.PositiveInfinity;
            return true;
        }

        if (text.Equals("nan", StringComparison.OrdinalIgnoreCase))
        {
            value = double.NaN;
            return true;
        }

        if (Hexadecimal().Match(unsigned) is { Success: true } hexadecimal)
        {
            value = sign * OfHexadecimal(hexadecimal);
            return double.IsFinite(value);
        }

        return Decimal().IsMatch(unsigned)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value)
            && double.IsFinite(value);
    }

    private static double OfHexadecimal(Match match)
    {
        var whole = match.Groups["whole"].Value.Replace("_", "", StringComparison.Ordinal);
        var fraction = match.Groups["fraction"].Value.Replace("_", "", StringComparison.Ordinal);
        var mantissa = (double)BigInteger.Parse("0" + whole + fraction, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        var exponent = int.TryParse(
            match.Groups["exponent"].Value,
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out var power
        )
            ? power
            : int.MaxValue / 2;
        return Math.ScaleB(mantissa, exponent - (4 * fraction.Length));
    }

    [GeneratedRegex(@"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Decimal();

    [GeneratedRegex(
        @"^0[xX]_?(?=\.?[0-9a-fA-F])(?<whole>[0-9a-fA-F_]*)(\.(?<fraction>[0-9a-fA-F_]*))?[pP](?<exponent>[+-]?[0-9]+)\z",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Hexadecimal();
}
