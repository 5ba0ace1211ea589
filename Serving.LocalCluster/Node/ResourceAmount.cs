using System.Buffers;
using System.Globalization;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node;

/// <summary>The numeric value of a <see cref="Quantity"/>, for the resources of a node: cores, bytes and counts.</summary>
internal static class ResourceAmount
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("+-.0123456789");
    private static readonly Dictionary<string, decimal> Suffixes = new(StringComparer.Ordinal)
    {
        ["n"] = 1e-9m,
        ["u"] = 1e-6m,
        ["m"] = 1e-3m,
        [""] = 1,
        ["k"] = 1e3m,
        ["M"] = 1e6m,
        ["G"] = 1e9m,
        ["T"] = 1e12m,
        ["P"] = 1e15m,
        ["E"] = 1e18m,
        ["Ki"] = 1L << 10,
        ["Mi"] = 1L << 20,
        ["Gi"] = 1L << 30,
        ["Ti"] = 1L << 40,
        ["Pi"] = 1L << 50,
        ["Ei"] = 1L << 60,
    };

    /// <summary>The amount in the resource's unit. Throws <see cref="FormatException"/> when the text is not a quantity.</summary>
    public static decimal Of(Quantity quantity)
    {
        var text = quantity.Text;
        var digits = text.AsSpan().IndexOfAnyExcept(NumberCharacters);
        if (digits < 0)
        {
            return decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        if (Suffixes.TryGetValue(text[digits..], out var factor))
        {
            return decimal.Parse(text.AsSpan(0, digits), NumberStyles.Float, CultureInfo.InvariantCulture) * factor;
        }

        return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"\"{text}\" is not a quantity");
    }

    /// <summary>The amount in units of <paramref name="divisor"/>, rounded up, as in the downward API.</summary>
    public static string InUnitsOf(decimal amount, decimal divisor) =>
        decimal.Ceiling(amount / (divisor == 0 ? 1 : divisor)).ToString("0", CultureInfo.InvariantCulture);
}
