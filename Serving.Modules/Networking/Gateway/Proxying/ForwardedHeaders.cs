using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Tells the backend who asked, for what host and how, as an edge proxy does: the client's address is appended to what came; host and
/// scheme are set by us unless a trusted proxy stands in front.
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
        headers[For] = headers.TryGetValue(For, out var chain) && chain.Count > 0 ? $"{chain}, {client}" : client;
        if (!trustClient || !headers.ContainsKey(Proto))
        {
            headers[Proto] = request.Scheme;
        }

        if (!trustClient || !headers.ContainsKey(Host))
        {
            headers[Host] = request.Host.Value;
        }

        if (headers.TryGetValue(Forwarded, out var forwarded) && !StringValues.IsNullOrEmpty(forwarded))
        {
            // Without one the backend's sidecar makes it of the others; a client's own must not be the last word.
            headers[Forwarded] = $"{forwarded}, for={Quoted(context.Connection.RemoteIpAddress, client)};host=\"{Escaped(request.Host.Value)}\";proto={request.Scheme}";
        }
    }

    private static string TextOf(IPAddress? address)
        => address is null ? "unknown" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();

    private static string Quoted(IPAddress? address, string text)
        => address is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } ? $"\"[{text}]\"" : text;

    private static string Escaped(string? host) => (host ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
