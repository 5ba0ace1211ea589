using System.Buffers;
using System.Globalization;

namespace Serving.Api.Core;

public readonly partial record struct Quantity
{
    private const int MaxExponent = 24;
    private static readonly SearchValues<char> Decimal = SearchValues.Create("0123456789.");

    /// <summary>Whether the text is a quantity.</summary>
    public bool IsValid => TryGetAmount(out _);

    /// <summary>The amount in base units: <c>100m</c> is 0.1, <c>1Ki</c> is 1024. False when the text is no quantity, or beyond what a number can hold.</summary>
    public bool TryGetAmount(out decimal amount)
    {
        amount = 0;
        var text = (Text ?? "").AsSpan();
        var digits = text is ['+' or '-', ..] ? text[1..] : text;
        var end = digits.IndexOfAnyExcept(Decimal);
        var number = end < 0 ? digits : digits[..end];
        if (number.IsEmpty || number is "." || number.Length > 28
            || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out amount)
            || !TryScale(end < 0 ? "" : digits[end..], ref amount))
        {
            amount = 0;
            return false;
        }

        amount = text is ['-', ..] ? -amount : amount;
        return true;
    }

    /// <summary>Whether both are the same amount, however they are written.</summary>
    public bool IsSameAmountAs(Quantity other)
        => Text == other.Text || (TryGetAmount(out var mine) && other.TryGetAmount(out var theirs) && mine == theirs);

    private static bool TryScale(ReadOnlySpan<char> suffix, ref decimal amount)
    {
        decimal factor;
        switch (suffix)
        {
            case "": return true;
            case "n": factor = 0.000000001m; break;
            case "u": factor = 0.000001m; break;
            case "m": factor = 0.001m; break;
            case "k": factor = 1e3m; break;
            case "M": factor = 1e6m; break;
            case "G": factor = 1e9m; break;
            case "T": factor = 1e12m; break;
            case "P": factor = 1e15m; break;
            case "E": factor = 1e18m; break;
            case "Ki": factor = 1L << 10; break;
            case "Mi": factor = 1L << 20; break;
            case "Gi": factor = 1L << 30; break;
            case "Ti": factor = 1L << 40; break;
            case "Pi": factor = 1L << 50; break;
            case "Ei": factor = 1L << 60; break;
            default:
                if (suffix[0] is not ('e' or 'E')
                    || !int.TryParse(suffix[1..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var exponent)
                    || Math.Abs(exponent) > MaxExponent)
                {
                    return false;
                }

                factor = 1;
                for (var i = 0; i < Math.Abs(exponent); i++)
                {
                    factor *= 10;
                }

                factor = exponent < 0 ? 1 / factor : factor;
                break;
        }

        if (amount > 0 && amount > decimal.MaxValue / Math.Max(factor, 1))
        {
            return false;
        }

        amount *= factor;
        return true;
    }
}
