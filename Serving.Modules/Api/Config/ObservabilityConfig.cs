namespace Serving.Api.Config;

/// <summary>config-observability: logs, metrics, traces and profiles.</summary>
public sealed record ObservabilityConfig
{
    /// <summary>The defaults.</summary>
    public static ObservabilityConfig Default { get; } = new();

    public bool LoggingEnableVarLogCollection { get; init; }

    /// <summary>A URL template in which <c>${REVISION_UID}</c> is replaced; empty: no log URL in status.</summary>
    public string LoggingRevisionUrlTemplate { get; init; } = "";

    public string LoggingRequestLogTemplate { get; init; } =
        """{"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", "requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}}, "responseSize": "{{.Response.Size}}", "userAgent": "{{js .Request.UserAgent}}", "remoteIp": "{{js .Request.RemoteAddr}}", "serverIp": "{{.Revision.PodIP}}", "referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s", "protocol": "{{.Request.Proto}}"}, "traceId": "{{.TraceID}}"}""";

    public bool LoggingEnableRequestLog { get; init; }
    public bool LoggingEnableProbeRequestLog { get; init; }

    /// <summary>The template of a line of the gateway's access log; empty for none.</summary>
    public string LoggingGatewayAccessLogTemplate { get; init; } = "";

    /// <summary><c>grpc</c>, <c>http/protobuf</c>, <c>prometheus</c> or <c>none</c>.</summary>
    public string MetricsProtocol { get; init; } = "none";
    public string MetricsEndpoint { get; init; } = "";

    /// <summary>Zero: the exporter's default.</summary>
    public TimeSpan MetricsExportInterval { get; init; }

    /// <summary>Of the queue-proxies: <c>grpc</c>, <c>http/protobuf</c>, <c>prometheus</c> or <c>none</c>.</summary>
    public string RequestMetricsProtocol { get; init; } = "none";
    public string RequestMetricsEndpoint { get; init; } = "";

    /// <summary>Zero: the exporter's default.</summary>
    public TimeSpan RequestMetricsExportInterval { get; init; }

    /// <summary><c>runtime-profiling: enabled</c>.</summary>
    public bool RuntimeProfiling { get; init; }
    public TimeSpan RuntimeExportInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary><c>grpc</c>, <c>http/protobuf</c>, <c>stdout</c> or <c>none</c>.</summary>
    public string TracingProtocol { get; init; } = "none";
    public string TracingEndpoint { get; init; } = "";

    /// <summary>Sampling rate of traces, [0, 1].</summary>
    public double TracingSamplingRate { get; init; }

    /// <summary>How the log of the process is exported, beside its console: <c>grpc</c>, <c>http/protobuf</c> or <c>none</c>.</summary>
    public string LoggingProtocol { get; init; } = "none";
    public string LoggingEndpoint { get; init; } = "";
}
