using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Serving.Dataplane.Requests;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Sets the forwarding headers for the backend (client, host and scheme), as an edge proxy does. Values sent by clients are ignored unless
/// a trusted proxy is in front: then the peer's address is appended, and host and scheme are kept.
/// </summary>
internal static class ForwardedHeaders
{
    private const string For = "X-Forwarded-For";
    private const string Host = "X-Forwarded-Host";
    private const string Proto = "X-Forwarded-Proto";
    private const string Forwarded = "Forwarded";

    public static void Apply(HttpContext context, bool trustClient)
    {
        var request = context.Request;
        var headers = request.Headers;
        var client = TextOf(context.Connection.RemoteIpAddress);
        if (!trustClient)
        {
            // Without a Forwarded header, the backend's sidecar builds it from the others.
            headers.Remove(Forwarded);
            headers[For] = client;
            headers[Proto] = request.Scheme;
            headers[Host] = request.Host.Value;
            return;
        }

        headers[For] = headers.TryGetValue(For, out var chain) && chain.Count > 0 ? $"{chain}, {client}" : client;
        if (!headers.ContainsKey(Proto))
        {
            headers[Proto] = request.Scheme;
        }

        if (!headers.ContainsKey(Host))
        {
            headers[Host] = request.Host.Value;
        }

        if (headers.TryGetValue(Forwarded, out var forwarded) && !StringValues.IsNullOrEmpty(forwarded))
        {
            headers[Forwarded] =
                $"{forwarded}, for={Quoted(context.Connection.RemoteIpAddress, client)};host=\"{Escaped(request.Host.Value)}\";proto={request.Scheme}";
        }
    }

    /// <summary>The scheme used by the client: that of the connection, unless a trusted proxy reports another.</summary>
    /// <param name="request">The request as received.</param>
    /// <param name="trustedHops">Number of trusted proxies; each appends at most one value.</param>
    public static string SchemeOf(HttpRequest request, int trustedHops)
    {
        if (trustedHops == 0 || !request.Headers.TryGetValue(Proto, out var told) || StringValues.IsNullOrEmpty(told))
        {
            return request.Scheme;
        }

        var values = told.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return values.Length == 0 ? request.Scheme : values[Math.Max(0, values.Length - trustedHops)].ToLowerInvariant();
    }

    private static string TextOf(IPAddress? address) => address is null ? "unknown" : address.ToPlain().ToString();

    private static string Quoted(IPAddress? address, string text) =>
        address is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } ? $"\"[{text}]\"" : text;

    private static string Escaped(string? host) =>
        (host ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
