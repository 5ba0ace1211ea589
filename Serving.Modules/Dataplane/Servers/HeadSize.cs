using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.Servers;

/// <summary>Computes the memory of a decoded request head, which with HPACK can be far more than the bytes received.</summary>
internal static class HeadSize
{
    // Overhead of a string object and its slot in a dictionary or values array.
    private const long PerValue = 64;

    // What the server keeps per request in flight, regardless of its head.
    private const long PerRequest = 4096;

    public static long Of(string target, IHeaderDictionary headers)
    {
        // Path and query are stored in addition to the target.
        var bytes = PerRequest + (4L * target.Length);
        using var fields = HeaderFields.Of(headers);
        foreach (var (name, values) in fields.Span)
        {
            bytes += 2L * name.Length;
            for (var i = 0; i < values.Count; i++)
                bytes += PerValue + (2L * (values[i]?.Length ?? 0));
        }

        return bytes;
    }

    /// <summary>
    /// Releases a head before the server does, which keeps the values of known headers for the next request of the connection or stream.
    /// </summary>
    public static void Forget(HttpContext context)
    {
        var headers = context.Request.Headers;
        foreach (var name in headers.Keys.ToArray())
            headers.Remove(name);
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        (request.RawTarget, request.Path, request.QueryString) = ("", "", "");
    }
}
