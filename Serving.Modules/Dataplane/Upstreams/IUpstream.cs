using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Forwards a request to a destination and copies the response back, streaming in both directions, over HTTP/1.1 and HTTP/2, including
/// upgrades, trailers and gRPC. It adds no headers, rewrites no path and has no timeout of its own.
/// </summary>
public interface IUpstream
{
    /// <summary>Forwards the request of <paramref name="context"/>.</summary>
    /// <param name="context">The request, and the response to write.</param>
    /// <param name="target">The destination, and what to change in the request.</param>
    /// <param name="cancellation">Cancels the attempt; the result is then <see cref="UpstreamResult.Canceled"/>.</param>
    ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation);
}

/// <summary>The destination of one attempt.</summary>
/// <param name="Address">Host name (or IP address) and port, such as <c>10.0.0.1:8012</c>.</param>
/// <param name="Http2">Whether it speaks HTTP/2 (h2c without TLS).</param>
public readonly record struct UpstreamTarget(string Address, bool Http2)
{
    /// <summary>TLS settings; null for clear text.</summary>
    public UpstreamTls? Tls { get; init; }

    /// <summary>The Host header to send; null to keep the client's.</summary>
    public string? Host { get; init; }

    /// <summary>Headers to set, replacing the client's; null for none.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? SetHeaders { get; init; }

    /// <summary>Headers to remove; null for none.</summary>
    public IReadOnlyList<string>? RemoveHeaders { get; init; }

    /// <summary>
    /// Whether the destination is a queue-proxy, whose <see cref="DataplaneHeaders.Unserved"/> header is trusted. Small request bodies are
    /// then kept until the response starts, so that the request can be retried on another pod. From other destinations the header is
    /// dropped.
    /// </summary>
    public bool IsQueueProxy { get; init; }

    /// <summary>Whether the destination is the user's program: error responses sent in its place carry
    /// <see cref="DataplaneHeaders.Unserved"/>.</summary>
    public bool IsProgram { get; init; }

    /// <summary>Whether the request has, or may have, been sent twice already: it is not retried.</summary>
    public bool Resent { get; init; }
}

/// <summary>How to verify the destination. Connections are shared per instance: use the same instance for the same destination.</summary>
/// <param name="ServerName">The server name to send (SNI); the certificate must be valid for it unless <see cref="PeerNames"/> is
/// set.</param>
/// <param name="Roots">The trusted root certificates.</param>
public sealed record UpstreamTls(string ServerName, System.Security.Cryptography.X509Certificates.X509Certificate2Collection Roots)
{
    /// <summary>Names of which the certificate must contain one exactly; null to use the server name.</summary>
    public IReadOnlyList<string>? PeerNames { get; init; }
}
