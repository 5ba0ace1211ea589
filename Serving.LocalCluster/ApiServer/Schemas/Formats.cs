using System.Globalization;
using System.Net;
using System.Net.Mail;
using System.Text.RegularExpressions;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>The validated string formats; others are accepted unchecked.</summary>
internal static partial class Formats
{
    public static bool IsValid(string format, string text) =>
        format switch
        {
            "date-time" or "datetime" => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out _)
                && text.Contains('T', StringComparison.OrdinalIgnoreCase),
            "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
            "duration" => Duration().IsMatch(text),
            "ipv4" => IPAddress.TryParse(text, out var v4) && v4.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork,
            "ipv6" => IPAddress.TryParse(text, out var v6) && v6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
            "cidr" => IPNetwork.TryParse(text, out _),
            "uri" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _),
            "email" => MailAddress.TryCreate(text, out _),
            "uuid" or "uuid3" or "uuid4" or "uuid5" => Guid.TryParse(text, out _),
            "byte" => Convert.TryFromBase64String(text, new byte[text.Length], out _),
            _ => true,
        };

    [GeneratedRegex(@"^[-+]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$|^0$", RegexOptions.CultureInvariant)]
    private static partial Regex Duration();
}
