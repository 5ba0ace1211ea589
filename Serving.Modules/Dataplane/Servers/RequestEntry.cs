using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Sanitizes a request on arrival, before anything is added to it: rejects ambiguous requests, removes hop-by-hop headers, and replaces
/// what the client merely claims by what is known.
/// </summary>
internal static class RequestEntry
{
    // Kestrel's name for the Content-Length of a request that also has a Transfer-Encoding.
    private const string RenamedContentLength = "X-Content-Length";

    private const string WebSocket = "websocket";

    /// <summary>Why a request is refused: the status and the message.</summary>
    public readonly record struct Refusal(int Status, string Reason);

    /// <summary>Prepares a request; null when it can be handled.</summary>
    public static Refusal? Prepare(HttpContext context)
    {
        var request = context.Request;
        var headers = request.Headers;
        var http2 = HttpProtocol.IsHttp2(request.Protocol);
        if (headers.TransferEncoding.Count != 0 && Framing(request, http2) is { } refusal)
            return refusal;
        if (HttpMethods.IsConnect(request.Method) && Connect(context) is { } refused)
            return refused;
        if (http2)
        {
            // A client can send any :scheme; redirects and logs need the scheme of the connection.
            request.Scheme = context.Features.Get<ITlsConnectionFeature>() is null ? "http" : "https";
            return null;
        }

        var connection = headers.Connection;
        if (connection.Count != 0)
            DropHopByHop(context, headers);
        if (!request.Host.HasValue && AuthorityOf(context) is { } authority)
            request.Host = new HostString(authority);
        return null;
    }

    // Two framings, or an unknown one, enable request smuggling past a proxy that honours the other one.
    private static Refusal? Framing(HttpRequest request, bool http2)
    {
        var headers = request.Headers;
        if (http2 || !HttpProtocol.IsHttp11(request.Protocol))
            return new Refusal(StatusCodes.Status400BadRequest, $"Transfer-Encoding is not part of {request.Protocol}");
        if (headers.ContainsKey(RenamedContentLength) || headers.ContentLength is not null)
            return new Refusal(StatusCodes.Status400BadRequest, "a request must not have both Content-Length and Transfer-Encoding");
        return headers.TransferEncoding is [{ } only] && only.Equals("chunked", StringComparison.OrdinalIgnoreCase)
            ? null
            : new Refusal(StatusCodes.Status501NotImplemented, "the only supported transfer coding is a single chunked");
    }

    private static Refusal? Connect(HttpContext context) =>
        context.Features.Get<IHttpExtendedConnectFeature>() switch
        {
            { IsExtendedConnect: true, Protocol: { } protocol } => protocol.Equals(WebSocket, StringComparison.OrdinalIgnoreCase)
                ? null
                : new Refusal(StatusCodes.Status501NotImplemented, "the only supported :protocol is websocket"),
            _ => new Refusal(StatusCodes.Status405MethodNotAllowed, "CONNECT is not supported"),
        };

    private static void DropHopByHop(HttpContext context, IHeaderDictionary headers)
    {
        var connection = headers.Connection;
        if (HopHeaders.NamesOthers(connection))
        {
            // It must not remove headers that are added later.
            HopHeaders.RemoveNamed(headers, connection);
            headers.Connection = default;
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
            return;
        if (HopHeaders.HasOption(headers.Upgrade, WebSocket))
        {
            headers.Upgrade = WebSocket;
            return;
        }

        // Any other upgrade, such as h2c, may be ignored (RFC 9110, section 7.8), and must not look like an upgrade further on.
        headers.Upgrade = default;
        context.Features.Set<IHttpUpgradeFeature>(null);
    }

    // An HTTP/1.0 client may send the host only in an absolute target.
    private static string? AuthorityOf(HttpContext context) =>
        context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } target
        && target[0] is not ('/' or '*')
        && Uri.TryCreate(target, UriKind.Absolute, out var uri)
        && uri.Authority.Length != 0
            ? uri.Authority
            : null;
}
