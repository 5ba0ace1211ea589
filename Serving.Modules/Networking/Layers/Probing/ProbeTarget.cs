using System.Net;

namespace Serving.Networking.Layers.Probing;

/// <summary>One probe: a pod of the data plane, and the URL that the request is for.</summary>
/// <param name="Pod">The address to connect to.</param>
/// <param name="IsTls">Whether the connection uses TLS, with the host as server name.</param>
/// <param name="Host">The host of the request.</param>
/// <param name="Port">The port of the request's URL: that of the Service, which the pod's may differ from.</param>
public sealed record ProbeTarget(IPEndPoint Pod, bool IsTls, string Host, int Port)
{
    /// <summary>The path of the probe.</summary>
    public string Path { get; init; } = NetworkProbeRequest.Path;

    /// <summary>Whether the pod expects the PROXY protocol.</summary>
    public bool SpeaksProxyProtocol { get; init; }

    /// <summary>The URL of the probe.</summary>
    public Uri Url => new UriBuilder(IsTls ? "https" : "http", Host.Replace("*", "probe", StringComparison.Ordinal), Port, Path).Uri;

    /// <inheritdoc/>
    public override string ToString() => $"{Url} at {Pod}";
}
