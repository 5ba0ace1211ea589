using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>Builds the standard <c>Forwarded</c> header (RFC 7239) from the older <c>X-Forwarded-*</c> ones.</summary>
public static class ForwardedHeader
{
    private const string Forwarded = "Forwarded";

    /// <summary>
    /// The value to send, or null when there is no source for it or the client sent its own. Only the first node gets host and protocol;
    /// the others have only their address.
    /// </summary>
    public static string? For(IHeaderDictionary headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        if (First(headers, Forwarded).Length != 0)
            return null;
        var nodes = First(headers, "X-Forwarded-For");
        var host = First(headers, "X-Forwarded-Host");
        var protocol = First(headers, "X-Forwarded-Proto");
        if (nodes.Length == 0 && host.Length == 0 && protocol.Length == 0)
            return null;

        var value = new StringBuilder();
        var rest = nodes.Split(',');
        if (nodes.Length != 0)
            AppendNode(value, rest[0]);
        if (host.Length != 0)
            value.Append(value.Length == 0 ? "" : ";").Append("host=").Append(host);
        if (protocol.Length != 0)
            value.Append(value.Length == 0 ? "" : ";").Append("proto=").Append(protocol);
        for (var i = 1; i < rest.Length; i++)
        {
            value.Append(", ");
            AppendNode(value, rest[i]);
        }

        return value.ToString();
    }

    /// <summary>Appends the peer's address to <c>X-Forwarded-For</c>, as every proxy does.</summary>
    public static void AppendPeer(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Connection.RemoteIpAddress is not { } peer)
            return;
        peer = peer.ToPlain();
        var headers = context.Request.Headers;
        var before = headers["X-Forwarded-For"];
        headers["X-Forwarded-For"] = before.Count == 0 ? peer.ToString() : $"{string.Join(", ", (IEnumerable<string?>)before)}, {peer}";
    }

    private static string First(IHeaderDictionary headers, string name) => headers[name] is [{ } value, ..] ? value : "";

    private static void AppendNode(StringBuilder value, string node)
    {
        var address = node.Trim();
        value.Append("for=");
        if (address.Contains(':', StringComparison.Ordinal))
            value.Append("\"[").Append(address).Append("]\"");
        else
            value.Append(address);
    }
}
