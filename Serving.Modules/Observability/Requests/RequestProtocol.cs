using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Requests;

/// <summary>Formats the protocol version of a request.</summary>
public static class RequestProtocol
{
    /// <summary>Go's format: <c>HTTP/1.1</c>, <c>HTTP/2.0</c>.</summary>
    public static string Go(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return HttpProtocol.IsHttp2(request.Protocol) ? "HTTP/2.0" : request.Protocol;
    }
}
