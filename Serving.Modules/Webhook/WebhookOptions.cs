using System.Net;

namespace Serving.Webhook;

/// <summary>Where the webhook listens, and by which objects the cluster knows it.</summary>
/// <param name="Address">The address to listen on.</param>
/// <param name="Port">The port; 0 takes a free one.</param>
public sealed record WebhookOptions(IPAddress Address, int Port = 8443)
{
    /// <summary>The Service by which the API server calls.</summary>
    public string ServiceName { get; init; } = "webhook";

    /// <summary>The Secret that holds the certificate.</summary>
    public string SecretName { get; init; } = "webhook-certs";

    /// <summary>
    /// The address by which the API server calls instead of by the Service, for a process outside the cluster: <c>https</c>, a host,
    /// perhaps a port and a path. The certificate is then the process's own.
    /// </summary>
    public Uri? Url { get; init; }

    /// <summary>How often the certificate and the webhook configurations are checked when nothing tells of a change.</summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromMinutes(1);
}
