using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Requests;

/// <summary>Formats the protocol version of a request.</summary>
public static class RequestProtocol
{
    /// <summary>OpenTelemetry's format: <c>1.1</c>, <c>2</c>.</summary>
    public static string Version(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return HttpProtocol.IsHttp2(request.Protocol) ? "2"
            : HttpProtocol.IsHttp10(request.Protocol) ? "1.0"
            : "1.1";
    }

    /// <summary>Go's format: <c>HTTP/1.1</c>, <c>HTTP/2.0</c>.</summary>
    public static string Go(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return HttpProtocol.IsHttp2(request.Protocol) ? "HTTP/2.0" : request.Protocol;
    }
}
