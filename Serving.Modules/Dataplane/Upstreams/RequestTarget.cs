using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane.Upstreams;

/// <summary>Returns path and query of a request exactly as the client sent them.</summary>
internal static class RequestTarget
{
    /// <summary>The origin form (<c>/path?query</c>), undecoded; from an absolute form, scheme and authority are removed.</summary>
    public static string Of(HttpContext context)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        if (string.IsNullOrEmpty(raw))
            return context.Request.PathBase.ToUriComponent()
                + context.Request.Path.ToUriComponent()
                + context.Request.QueryString.ToUriComponent();
        if (raw[0] == '/')
            return raw;
        var authority = raw.IndexOf("://", StringComparison.Ordinal);
        if (authority < 0)
            return "/";
        var path = raw.AsSpan(authority + 3).IndexOfAny('/', '?');
        if (path < 0)
            return "/";
        var rest = raw[(authority + 3 + path)..];
        return rest[0] == '?' ? "/" + rest : rest;
    }
}
