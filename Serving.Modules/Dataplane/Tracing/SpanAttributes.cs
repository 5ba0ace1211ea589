using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Requests;
using Serving.Instruments;

namespace Serving.Dataplane.Tracing;

/// <summary>The attributes and the status of HTTP spans, as OpenTelemetry's conventions define them. Queries are left out: they may contain
/// secrets.</summary>
public static class SpanAttributes
{
    private const string ErrorType = "error.type";

    /// <summary>Sets the status of the response to a request that this process served.</summary>
    /// <param name="span">The server's span; null for none.</param>
    /// <param name="status">The status code. Only errors of the server are errors.</param>
    public static void Responded(Activity? span, int status) => SetStatus(span, status, StatusCodes.Status500InternalServerError);

    /// <summary>Records an exception that no response could report.</summary>
    public static void Failed(Activity? span, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        if (span is not { IsAllDataRequested: true })
            return;
        span.SetTag(ErrorType, exception.GetType().FullName);
        span.AddException(exception);
        span.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>Sets how an attempt to forward a request ended.</summary>
    /// <param name="span">The client's span.</param>
    /// <param name="status">The status code of the response; null for none.</param>
    /// <param name="error">Why there was no response; null when there was one.</param>
    internal static void Sent(Activity span, int? status, string? error)
    {
        if (!span.IsAllDataRequested)
            return;
        if (status is { } code)
            SetStatus(span, code, StatusCodes.Status400BadRequest);
        if (error is null)
            return;
        span.SetTag(ErrorType, error);
        span.SetStatus(ActivityStatusCode.Error);
    }

    internal static void Describe(Activity span, HttpRequest request)
    {
        var method = HttpNames.Method(request.Method);
        span.SetTag("http.request.method", method);
        if (method == HttpNames.OtherMethod)
            span.SetTag("http.request.method_original", request.Method);
        span.SetTag("url.scheme", request.Scheme);
        span.SetTag("url.path", request.Path.Value);
        span.SetTag("network.protocol.name", "http");
        span.SetTag("network.protocol.version", HttpNames.Version(request.Protocol));
        if (span.Kind == ActivityKind.Client)
            return;
        span.SetTag("server.address", request.Host.Host);
        if (request.Host.Port is { } port)
            span.SetTag("server.port", port);
        if (request.Headers.UserAgent is { Count: > 0 } agent)
            span.SetTag("user_agent.original", agent.ToString());
    }

    internal static void SetPeer(Activity span, IPAddress? address, int port)
    {
        if (address is null)
            return;
        span.SetTag("network.peer.address", address.ToPlain().ToString());
        span.SetTag("network.peer.port", port);
    }

    internal static void SetServer(Activity span, string address)
    {
        var (host, port) = HostAndPort.Split(address);
        span.SetTag("server.address", host);
        if (port is { } number)
            span.SetTag("server.port", number);
    }

    private static void SetStatus(Activity? span, int status, int firstError)
    {
        if (span is not { IsAllDataRequested: true })
            return;
        span.SetTag("http.response.status_code", status);
        if (status < firstError)
            return;
        span.SetTag(ErrorType, status.ToString(CultureInfo.InvariantCulture));
        span.SetStatus(ActivityStatusCode.Error);
    }
}
