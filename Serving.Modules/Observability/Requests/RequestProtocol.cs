using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Requests;

/// <summary>The protocol of a request in the words of others.</summary>
public static class RequestProtocol
{
    /// <summary>As OpenTelemetry has it: <c>1.1</c>, <c>2</c>.</summary>
    public static string Version(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return HttpProtocol.IsHttp2(request.Protocol) ? "2"
            : HttpProtocol.IsHttp10(request.Protocol) ? "1.0"
            : "1.1";
    }

    /// <summary>As Go has it: <c>HTTP/1.1</c>, <c>HTTP/2.0</c>.</summary>
    public static string Go(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return HttpProtocol.IsHttp2(request.Protocol) ? "HTTP/2.0" : request.Protocol;
    }
}
