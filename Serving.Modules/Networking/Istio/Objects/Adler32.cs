using System.Globalization;
using System.Text;

namespace Serving.Networking.Istio.Objects;

/// <summary>The checksum in names of Gateways and Secrets, which other tools compute as well (RFC 1950).</summary>
internal static class Adler32
{
    private const uint Modulus = 65521;

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

    public static string Decimal(string text) => Compute(text).ToString(CultureInfo.InvariantCulture);
}
