using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Tells the backend who asked, for what host and how, as an edge proxy does. Nobody is believed unless a trusted proxy stands in front:
/// then the address that it has is appended to what it tells, and its host and scheme stay.
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
            // Without a Forwarded header the backend's sidecar makes it of the others.
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
            headers[Forwarded] = $"{forwarded}, for={Quoted(context.Connection.RemoteIpAddress, client)};host=\"{Escaped(request.Host.Value)}\";proto={request.Scheme}";
        }
    }

    /// <summary>The scheme that the client used: the connection's, unless a trusted proxy says another.</summary>
    /// <param name="request">The request, as it came.</param>
    /// <param name="trustedHops">Proxies in front that are believed; each adds at most one value at the end.</param>
    public static string SchemeOf(HttpRequest request, int trustedHops)
    {
        if (trustedHops == 0 || !request.Headers.TryGetValue(Proto, out var told) || StringValues.IsNullOrEmpty(told))
        {
            return request.Scheme;
        }

        var values = told.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return values.Length == 0 ? request.Scheme : values[Math.Max(0, values.Length - trustedHops)].ToLowerInvariant();
    }

    private static string TextOf(IPAddress? address)
        => address is null ? "unknown" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();

    private static string Quoted(IPAddress? address, string text)
        => address is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } ? $"\"[{text}]\"" : text;

    private static string Escaped(string? host) => (host ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
