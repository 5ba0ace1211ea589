using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane;

/// <summary>Says how much memory the head of a request takes once it is decoded, which with HPACK is far from what was sent.</summary>
internal static class HeadSize
{
    // The object of a string, its place in a dictionary or an array of values.
    private const long PerValue = 64;

    // What the server keeps for a request that is held, whatever its head.
    private const long PerRequest = 4096;

    public static long Of(string target, IHeaderDictionary headers)
    {
        // The path and the query are kept beside the target.
        var bytes = PerRequest + (4L * target.Length);
        using var fields = HeaderFields.Of(headers);
        foreach (var (name, values) in fields.Span)
        {
            bytes += 2L * name.Length;
            for (var i = 0; i < values.Count; i++) bytes += PerValue + (2L * (values[i]?.Length ?? 0));
        }

        return bytes;
    }

    /// <summary>
    /// Lets go of a head before the server does: it keeps the values of known headers for the next request of the connection or stream.
    /// </summary>
    public static void Forget(HttpContext context)
    {
        var headers = context.Request.Headers;
        foreach (var name in headers.Keys.ToArray()) headers.Remove(name);
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        (request.RawTarget, request.Path, request.QueryString) = ("", "", "");
    }
}
