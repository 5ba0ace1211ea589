using System.Globalization;

namespace Serving.Dataplane;

/// <summary>Formats a host and a port for URLs and the Host header.</summary>
public static class HostAndPort
{
    /// <summary>Formats as <c>10.0.0.1:8012</c>; an IPv6 address is put in brackets, <c>[fd00::1]:8012</c>.</summary>
    /// <param name="host">A name or an IP address, without brackets.</param>
    /// <param name="port">The port.</param>
    public static string Of(string host, int port)
    {
        ArgumentNullException.ThrowIfNull(host);
        return string.Create(CultureInfo.InvariantCulture, $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}");
    }
}
