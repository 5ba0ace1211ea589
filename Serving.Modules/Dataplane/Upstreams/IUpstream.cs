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

    /// <summary>
    /// Whether a queue-proxy is there, whose <see cref="DataplaneHeaders.Unserved"/> is believed. What is little of a request's body is then
    /// kept until the response comes, so that the request can be sent to another pod. From others the header is dropped.
    /// </summary>
    public bool IsQueueProxy { get; init; }

    /// <summary>Whether the user's program is there: a response that stands for one it did not give says so by <see cref="DataplaneHeaders.Unserved"/>.</summary>
    public bool IsProgram { get; init; }

    /// <summary>Whether the request has been sent twice already, or might have been: it is sent once only.</summary>
    public bool Resent { get; init; }
}

/// <summary>How to verify the destination. Connections are shared per instance: ask for the same destination with the same one.</summary>
/// <param name="ServerName">The name to ask for; also the one its certificate must carry, unless <see cref="PeerNames"/> says others.</param>
/// <param name="Roots">Whose certificates to trust.</param>
public sealed record UpstreamTls(string ServerName, System.Security.Cryptography.X509Certificates.X509Certificate2Collection Roots)
{
    /// <summary>The names of which its certificate must carry one, exactly; null for the server name.</summary>
    public IReadOnlyList<string>? PeerNames { get; init; }
}
