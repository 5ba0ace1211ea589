using Serving.Instruments;

namespace Serving.Observability.Requests;

/// <summary>The attributes of requests, with OpenTelemetry's names; a <see cref="RequestKind"/> has the values of the first three.</summary>
public static class RequestAttributes
{
    /// <summary>The method.</summary>
    public static MetricAttribute Method { get; } = new("http.request.method", "the method; `_OTHER` for one that HTTP does not define");

    /// <summary>The status code.</summary>
    public static MetricAttribute Status { get; } = new("http.response.status_code", "the status code");

    /// <summary>The version of HTTP.</summary>
    public static MetricAttribute Version { get; } = new("network.protocol.version", "`1.0`, `1.1` or `2`");

    /// <summary>The protocol, always HTTP.</summary>
    public static MetricAttribute Protocol { get; } = new("network.protocol.name", "`http`");

    /// <summary>The scheme of the transport.</summary>
    public static MetricAttribute Scheme { get; } = new("url.scheme", "`http` or `https`");
}
