using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Upstreams;

namespace Serving.QueueProxy;

/// <summary>Rewrites request headers for the user container.</summary>
internal static class ProxyHeaders
{
    /// <summary>
    /// Restores the Host saved by a proxy, removes the routing headers, adds the peer to <c>X-Forwarded-For</c> and builds
    /// <c>Forwarded</c>.
    /// </summary>
    public static UpstreamTarget Prepare(HttpContext context, in UpstreamTarget target)
    {
        var headers = context.Request.Headers;
        var host = headers[DataplaneHeaders.OriginalHost].ToString();
        if (host.Length != 0)
            headers.Remove(DataplaneHeaders.OriginalHost);
        headers.Remove(DataplaneHeaders.Revision);
        headers.Remove(DataplaneHeaders.Namespace);
        var resent = headers.Remove(DataplaneHeaders.Resent);
        if (ForwardedHeader.For(headers) is { } forwarded)
            headers["Forwarded"] = forwarded;
        ForwardedHeader.AppendPeer(context);
        if (resent)
            return target with { Host = host.Length == 0 ? null : host, Resent = true };
        return host.Length == 0 ? target : target with { Host = host };
    }
}
