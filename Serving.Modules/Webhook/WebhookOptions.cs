using System.Net;

namespace Serving.Webhook;

/// <summary>The listen address of the webhook, and the names of its objects in the cluster.</summary>
/// <param name="Address">The listen address.</param>
/// <param name="Port">The port; 0 to have a free one assigned.</param>
public sealed record WebhookOptions(IPAddress Address, int Port = 8443)
{
    /// <summary>The Service through which the API server calls it.</summary>
    public string ServiceName { get; init; } = "webhook";

    /// <summary>The Secret that contains the certificate.</summary>
    public string SecretName { get; init; } = "webhook-certs";

    /// <summary>
    /// The URL at which the API server calls it, instead of through the Service, for a process outside the cluster: <c>https</c>, a host,
    /// and optionally port and path. The process then creates its own certificate.
    /// </summary>
    public Uri? Url { get; init; }

    /// <summary>How often certificate and webhook configurations are checked when no change is reported.</summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromMinutes(1);
}
