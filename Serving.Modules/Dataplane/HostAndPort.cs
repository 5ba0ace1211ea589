using System.Globalization;

namespace Serving.Dataplane;

/// <summary>A host and a port as one text, for URLs and the Host header.</summary>
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

    /// <summary>The parts of an address: the host without brackets, and the port; null when there is none.</summary>
    public static (string Host, int? Port) Split(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var colon = address.LastIndexOf(':');
        var hasPort = int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port);
        return (colon < 0 ? address : address[..colon].Trim('[', ']'), hasPort ? port : null);
    }
}
