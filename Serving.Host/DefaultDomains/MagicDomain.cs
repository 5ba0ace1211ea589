using System.Net;
using System.Net.Sockets;

namespace Serving.Host.DefaultDomains;

/// <summary>
/// Domains of a DNS service that resolves each name to the address that it contains, such as <c>203.0.113.7.sslip.io</c>. A name contains
/// an IPv6 address with dashes instead of colons.
/// </summary>
internal static class MagicDomain
{
    /// <summary>The DNS service by default.</summary>
    public const string DefaultService = "sslip.io";

    /// <summary>The domain that resolves to an address, with all names below it.</summary>
    /// <param name="address">An IPv4 address, or an IPv6 address; its scope is dropped.</param>
    /// <param name="service">The domain of the DNS service.</param>
    public static string Of(IPAddress address, string service)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return $"{address}.{service}";
        }

        // A DNS label neither begins nor ends with a dash: ::1 becomes 0--1, fd00:: becomes fd00--0.
        var text = new IPAddress(address.GetAddressBytes()).ToString().Replace(':', '-');
        text = text.Contains('.', StringComparison.Ordinal) ? Expanded(address) : text;
        return $"{(text[0] == '-' ? "0" : "")}{text}{(text[^1] == '-' ? "0" : "")}.{service}";
    }

    /// <summary>The eight groups, for an address whose short form ends with an IPv4 address, such as <c>fe80::5efe:192.0.2.1</c>.</summary>
    private static string Expanded(IPAddress address) => string.Join('-', address.GetAddressBytes().Chunk(2).Select(Group));

    private static string Group(byte[] pair) => $"{(pair[0] << 8) | pair[1]:x}";
}
