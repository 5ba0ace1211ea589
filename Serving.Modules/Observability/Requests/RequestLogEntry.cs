using System.Globalization;
using System.Net;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Serving.Templates;

namespace Serving.Observability.Requests;

/// <summary>The data of a request for the request log's template: <c>.Request</c>, <c>.Response</c>, <c>.Revision</c> and
/// <c>.TraceID</c>; at a gateway also <c>.Route</c> and <c>.Backend</c>.</summary>
internal sealed class RequestLogEntry(
    HttpContext context,
    int status,
    long size,
    TimeSpan latency,
    ITemplateObject revision,
    RequestLogRouting? routing = null
) : ITemplateObject
{
    public string TypeName => "*http.RequestLogTemplateInput";

    /// <summary>The duration.</summary>
    public TimeSpan Latency => latency;

    /// <summary>The response status.</summary>
    public int Status => status;

    /// <summary>The request target as sent by the client.</summary>
    public string Target => context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    /// <summary>The method.</summary>
    public string Method => context.Request.Method;

    public bool TryGet(string field, out object? value)
    {
        value = field switch
        {
            "Request" => new RequestFields(context, Target),
            "Response" => new TemplateRecord(
                "*http.RequestLogResponse",
                ("Code", status),
                ("Size", size),
                ("Latency", latency.TotalSeconds)
            ),
            "Revision" => revision,
            "Route" => routing?.Route,
            "Backend" => routing?.Backend,
            "TraceID" => TraceId(context.Request),
            _ => null,
        };
        return value is not null;
    }

    /// <summary>The trace id from <c>traceparent</c> or <c>X-B3-TraceId</c>; empty for none.</summary>
    private static string TraceId(HttpRequest request)
    {
        var parts = request.Headers.TraceParent.ToString().Split('-', 3);
        return parts.Length >= 2 ? parts[1] : request.Headers["X-B3-TraceId"].ToString();
    }

    /// <summary>The members of Go's <c>http.Request</c> that are useful in a log line.</summary>
    private sealed class RequestFields(HttpContext context, string target) : ITemplateObject
    {
        public string TypeName => "*http.Request";

        public bool TryGet(string field, out object? value)
        {
            var request = context.Request;
            value = field switch
            {
                "Method" => request.Method,
                "RequestURI" => target,
                "URL" => new UrlFields(request, target),
                "ProtoMajor" => HttpProtocol.IsHttp2(request.Protocol) ? 2L : 1L,
                "ProtoMinor" => HttpProtocol.IsHttp11(request.Protocol) ? 1L : 0L,
                "ContentLength" => request.ContentLength
                    ?? (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } ? -1L : 0L),
                "UserAgent" => request.Headers.UserAgent.ToString(),
                "Referer" => request.Headers.Referer.ToString(),
                "RemoteAddr" => RemoteAddress(),
                "Host" => request.Host.Value ?? "",
                "Proto" => RequestProtocol.Go(request),
                "TLS" => context.Features.Get<ITlsHandshakeFeature>() is { } tls ? new TlsFields(tls) : null,
                "Header" => Header(request),
                _ => null,
            };
            return value is not null || field == "TLS";
        }

        // In Go, Host is not part of the headers.
        private static TemplateHeader Header(HttpRequest request) =>
            new(
                request
                    .Headers.Where(static header => !header.Key.Equals(HeaderNames.Host, StringComparison.OrdinalIgnoreCase))
                    .Select(static header =>
                        KeyValuePair.Create(header.Key, (IReadOnlyList<string>)[.. header.Value.Select(static value => value ?? "")])
                    )
            );

        private string RemoteAddress()
        {
            var connection = context.Connection;
            return connection.RemoteIpAddress is { } address
                ? new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, connection.RemotePort).ToString()
                : string.Create(CultureInfo.InvariantCulture, $":{connection.RemotePort}");
        }
    }

    /// <summary>The members of Go's <c>tls.ConnectionState</c> that are available here; the numbers are the protocol's, as in Go.</summary>
    private sealed class TlsFields(ITlsHandshakeFeature session) : ITemplateObject
    {
        public string TypeName => "*tls.ConnectionState";

        private long Version =>
            session.Protocol switch
            {
                SslProtocols.Tls12 => 0x0303,
                SslProtocols.Tls13 => 0x0304,
                _ => 0,
            };

        private long Suite => (long)(session.NegotiatedCipherSuite ?? 0);

        public bool TryGet(string field, out object? value)
        {
            value = field switch
            {
                "Version" => Version,
                "HandshakeComplete" => true,
                "CipherSuite" => Suite,
                "ServerName" => session.HostName,
                _ => null,
            };
            return value is not null;
        }

        // The format in which Go prints the struct behind the pointer, with the members above.
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{{{Version} true {Suite} {session.HostName}}}");
    }

    /// <summary>The members of Go's <c>url.URL</c>, which has neither scheme nor host for a server request.</summary>
    private sealed class UrlFields(HttpRequest request, string target) : ITemplateObject
    {
        public string TypeName => "*url.URL";

        public bool TryGet(string field, out object? value)
        {
            value = field switch
            {
                "Scheme" or "Host" => "",
                "Path" => request.Path.Value ?? "",
                "RawQuery" => request.QueryString.HasValue ? request.QueryString.Value![1..] : "",
                _ => null,
            };
            return value is not null;
        }

        public override string ToString() => target;
    }
}
