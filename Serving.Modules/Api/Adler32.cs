using System.Globalization;
using System.Text;

namespace Serving.Api;

/// <summary>The checksum in abbreviated names, which other tools compute as well (RFC 1950).</summary>
public static class Adler32
{
    private const uint Modulus = 65521;

    /// <summary>The checksum of the text in UTF-8.</summary>
    public static uint Compute(string text)
    {
        var (low, high) = (1u, 0u);
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            low = (low + octet) % Modulus;
            high = (high + low) % Modulus;
        }

        return (high << 16) | low;
    }

    /// <summary>The checksum of the text in UTF-8, in decimal.</summary>
    public static string Decimal(string text) => Compute(text).ToString(CultureInfo.InvariantCulture);
}
