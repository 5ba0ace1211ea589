using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane;

/// <summary>
/// Forwards one request to one destination and copies the answer back, streaming both ways, HTTP/1.1 and HTTP/2,
/// upgrades, trailers and gRPC included. It adds no header, rewrites no path and has no time-out of its own.
/// </summary>
public interface IUpstream
{
    /// <summary>Forwards the request of <paramref name="context"/>.</summary>
    /// <param name="context">The request and the response to fill.</param>
    /// <param name="target">Where to, and what of the request to change on the way.</param>
    /// <param name="cancellation">Ends the attempt; the outcome is then <see cref="UpstreamResult.Canceled"/>.</param>
    ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation);
}

/// <summary>The destination of one attempt.</summary>
/// <param name="Address">Host (or IP) and port, as <c>10.0.0.1:8012</c>.</param>
/// <param name="Http2">Whether to speak HTTP/2 (h2c without TLS) to it.</param>
public readonly record struct UpstreamTarget(string Address, bool Http2)
{
    /// <summary>TLS to the destination; null for none.</summary>
    public UpstreamTls? Tls { get; init; }

    /// <summary>The Host header to send; null keeps the client's.</summary>
    public string? Host { get; init; }

    /// <summary>Headers to set on the way, replacing the client's; null for none.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? SetHeaders { get; init; }

    /// <summary>Headers to leave out; null for none.</summary>
    public IReadOnlyList<string>? RemoveHeaders { get; init; }
}

/// <summary>How to verify the destination. Connections are shared per instance: ask for the same destination with the same one.</summary>
/// <param name="ServerName">The name to ask for; also the one its certificate must carry, unless <see cref="PeerNames"/> says others.</param>
/// <param name="Roots">Whose certificates to trust.</param>
public sealed record UpstreamTls(string ServerName, System.Security.Cryptography.X509Certificates.X509Certificate2Collection Roots)
{
    /// <summary>The names of which its certificate must carry one, exactly; null for the server name.</summary>
    public IReadOnlyList<string>? PeerNames { get; init; }
}

/// <summary>How an attempt ended.</summary>
public enum UpstreamResult
{
    /// <summary>The response was copied whole.</summary>
    Done,

    /// <summary>No connection: nothing of the request was sent or read, so it may be tried elsewhere.</summary>
    NotConnected,

    /// <summary>It failed on the way, or the destination could not prove who it is. When the response has not started, the status is set to 502.</summary>
    Failed,

    /// <summary>It was cancelled, by the client or by the caller, who ends a response that has begun, or cuts it.</summary>
    Canceled,
}
