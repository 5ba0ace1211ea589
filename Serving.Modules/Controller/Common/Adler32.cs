using System.Globalization;
using System.Text;

namespace Serving.Controller.Common;

/// <summary>The checksum in abbreviated names of certificates and challenges (RFC 1950).</summary>
internal static class Adler32
{
    /// <summary>The checksum of the text in UTF-8, in decimal.</summary>
    public static string Text(string value)
    {
        uint a = 1,
            b = 0;
        foreach (var part in Encoding.UTF8.GetBytes(value))
        {
            a = (a + part) % 65521;
            b = (b + a) % 65521;
        }

        return ((b << 16) | a).ToString(CultureInfo.InvariantCulture);
    }
}
