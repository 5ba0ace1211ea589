using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Templates;

namespace Serving.ConfigMaps;

/// <summary>Our values as template data, with the field names of Go's structs.</summary>
internal static class TemplateData
{
    private const string LogInput = "requestLogTemplateInput";

    public static TemplateRecord Of(ObjectMeta meta) =>
        new(
            "v1.ObjectMeta",
            ("Name", meta.Name),
            ("GenerateName", meta.GenerateName),
            ("Namespace", meta.Namespace),
            ("UID", meta.Uid),
            ("ResourceVersion", meta.ResourceVersion),
            ("Generation", meta.Generation ?? 0L),
            ("Labels", meta.Labels),
            ("Annotations", meta.Annotations)
        );

    public static TemplateRecord Of(DomainTemplateValues values) =>
        new(
            "config.DomainTemplateValues",
            ("Name", values.Name),
            ("Namespace", values.Namespace),
            ("Domain", values.Domain),
            ("Annotations", values.Annotations),
            ("Labels", values.Labels)
        );

    /// <summary>A request as data of the request-log template. Only its shape matters: it serves to validate templates.</summary>
    public static TemplateRecord SampleRequest { get; } = new(LogInput, RequestFields());

    /// <summary>A request as data of the template of the gateway's access log.</summary>
    public static TemplateRecord SampleGatewayRequest { get; } =
        new(
            LogInput,
            [
                .. RequestFields(),
                (
                    "Route",
                    new TemplateRecord("gateway.AccessLogRoute", ("Listener", "external"), ("Namespace", ""), ("Name", ""), ("Ingress", ""))
                ),
                ("Backend", new TemplateRecord("gateway.AccessLogBackend", ("Address", ""), ("Retries", 0L))),
            ]
        );

    public static TemplateRecord Of(TagTemplateValues values) =>
        new("config.TagTemplateValues", ("Name", values.Name), ("Tag", values.Tag));

    private static (string Name, object? Value)[] RequestFields() =>
        [
            (
                "Request",
                new TemplateRecord(
                    "http.Request",
                    ("Method", "GET"),
                    ("URL", new TemplateRecord("url.URL", ("Scheme", ""), ("Host", ""), ("Path", "/"), ("RawQuery", ""))),
                    ("Proto", "HTTP/1.1"),
                    ("ProtoMajor", 1L),
                    ("ProtoMinor", 1L),
                    ("Header", TemplateHeader.Sample),
                    ("ContentLength", 0L),
                    ("Host", "example.com"),
                    ("RemoteAddr", "127.0.0.1:1"),
                    ("RequestURI", "/"),
                    (
                        "TLS",
                        new TemplateRecord(
                            "tls.ConnectionState",
                            ("Version", 0x0304L),
                            ("HandshakeComplete", true),
                            ("CipherSuite", 0x1301L),
                            ("ServerName", "")
                        )
                    ),
                    ("UserAgent", ""),
                    ("Referer", "")
                )
            ),
            ("Response", new TemplateRecord("http.RequestLogResponse", ("Code", 200L), ("Size", 0L), ("Latency", 0.1))),
            (
                "Revision",
                new TemplateRecord(
                    "http.RequestLogRevision",
                    ("Name", ""),
                    ("Namespace", ""),
                    ("Service", ""),
                    ("Configuration", ""),
                    ("PodName", ""),
                    ("PodIP", "")
                )
            ),
            ("TraceID", ""),
        ];
}
