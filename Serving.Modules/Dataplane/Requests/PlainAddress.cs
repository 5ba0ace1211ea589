using System.Net;

namespace Serving.Dataplane.Requests;

/// <summary>An IPv4 address that a dual-stack socket shows as IPv6 is IPv4 again.</summary>
public static class PlainAddress
{
    /// <summary>The IPv4 address behind an IPv4-mapped one; any other address as it is.</summary>
    public static IPAddress ToPlain(this IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
