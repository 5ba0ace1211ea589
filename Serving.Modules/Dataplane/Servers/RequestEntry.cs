using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Dataplane.Http1;

namespace Serving.Dataplane;

/// <summary>
/// What happens to a request where it enters, before anything of ours is added to it: what two readers might understand differently is
/// refused, what belongs to the client's connection is taken off, and what the client only claims is replaced by what is known.
/// </summary>
internal static class RequestEntry
{
    // Kestrel's name for the Content-Length of a request that also has a Transfer-Encoding.
    private const string RenamedContentLength = "X-Content-Length";

    private const string WebSocket = "websocket";

    /// <summary>A request that is refused: the status and why.</summary>
    public readonly record struct Refusal(int Status, string Reason);

    /// <summary>Prepares a request; null when it may be handled.</summary>
    public static Refusal? Prepare(HttpContext context)
    {
        var request = context.Request;
        var headers = request.Headers;
        var http2 = HttpProtocol.IsHttp2(request.Protocol);
        if (headers.TransferEncoding.Count != 0 && Framing(request, http2) is { } refusal) return refusal;
        if (HttpMethods.IsConnect(request.Method) && Connect(context) is { } refused) return refused;
        if (http2)
        {
            // A client may claim any :scheme; whoever redirects or reports it must know the connection's own.
            request.Scheme = context.Features.Get<ITlsConnectionFeature>() is null ? "http" : "https";
            return null;
        }

        var connection = headers.Connection;
        if (connection.Count != 0) DropHopByHop(context, headers);
        if (!request.Host.HasValue && AuthorityOf(context) is { } authority) request.Host = new HostString(authority);
        return null;
    }

    // Two framings, or one that is not understood, are how requests are smuggled past a proxy that believes the other one.
    private static Refusal? Framing(HttpRequest request, bool http2)
    {
        var headers = request.Headers;
        if (http2 || !HttpProtocol.IsHttp11(request.Protocol)) return new Refusal(StatusCodes.Status400BadRequest, $"Transfer-Encoding is not part of {request.Protocol}");
        if (headers.ContainsKey(RenamedContentLength) || headers.ContentLength is not null)
            return new Refusal(StatusCodes.Status400BadRequest, "a request must not have both Content-Length and Transfer-Encoding");
        return headers.TransferEncoding is [{ } only] && only.Equals("chunked", StringComparison.OrdinalIgnoreCase)
            ? null
            : new Refusal(StatusCodes.Status501NotImplemented, "the only transfer coding that is understood is chunked, once");
    }

    private static Refusal? Connect(HttpContext context) => context.Features.Get<IHttpExtendedConnectFeature>() switch
    {
        { IsExtendedConnect: true, Protocol: { } protocol } => protocol.Equals(WebSocket, StringComparison.OrdinalIgnoreCase)
            ? null
            : new Refusal(StatusCodes.Status501NotImplemented, "the only :protocol that is understood is websocket"),
        _ => new Refusal(StatusCodes.Status405MethodNotAllowed, "CONNECT is not served"),
    };

    private static void DropHopByHop(HttpContext context, IHeaderDictionary headers)
    {
        var connection = headers.Connection;
        if (HopHeaders.NamesOthers(connection))
        {
            // It must not name what is added from here on.
            HopHeaders.RemoveNamed(headers, connection);
            headers.Connection = default;
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true }) return;
        if (HopHeaders.HasOption(headers.Upgrade, WebSocket))
        {
            headers.Upgrade = WebSocket;
            return;
        }

        // Any other upgrade, h2c for one, may be ignored (RFC 9110, section 7.8), and is not to be seen as one by anybody after us.
        headers.Upgrade = default;
        context.Features.Set<IHttpUpgradeFeature>(null);
    }

    // HTTP/1.0 may name the host in its target alone.
    private static string? AuthorityOf(HttpContext context) =>
        context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } target && target[0] is not ('/' or '*')
        && Uri.TryCreate(target, UriKind.Absolute, out var uri) && uri.Authority.Length != 0
            ? uri.Authority
            : null;
}
