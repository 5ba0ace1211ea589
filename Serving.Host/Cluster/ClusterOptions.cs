using System.Net;
using Serving.StatusPages.Sources;

namespace Serving.Host.Cluster;

/// <summary>The command line of <c>run</c>.</summary>
/// <param name="Kubeconfig">A kubeconfig file; null for KUBECONFIG, else the pod's service account, else ~/.kube/config.</param>
/// <param name="Context">A context of it; null for its current one.</param>
/// <param name="Modules">The modules to run.</param>
internal sealed record ClusterOptions(string? Kubeconfig, string? Context, IReadOnlyList<string> Modules)
{
    /// <summary>The address that every server listens on and the process publishes; null for <c>POD_IP</c>, else the machine's
    /// address.</summary>
    public IPAddress? Bind { get; init; }

    /// <summary>The gateway's port for clients outside the cluster.</summary>
    public int GatewayPort { get; init; } = 8081;

    /// <summary>The gateway's port for clients inside.</summary>
    public int GatewayInternalPort { get; init; } = 8082;

    /// <summary>The gateway's HTTPS port; 0 for none.</summary>
    public int GatewayHttpsPort { get; init; }

    /// <summary>The gateway's HTTPS port for clients inside; disabled by 0 or without <see cref="GatewayHttpsPort"/>.</summary>
    public int GatewayInternalHttpsPort { get; init; } = 8445;

    /// <summary>The number of proxies in front of the gateway whose <c>X-Forwarded-*</c> headers are trusted.</summary>
    public int GatewayTrustedHops { get; init; }

    /// <summary>The webhook's port.</summary>
    public int WebhookPort { get; init; } = 8443;

    /// <summary>The URL by which the API server reaches the webhook; null for the Service.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>The port of the probes.</summary>
    public int HealthPort { get; init; } = Composition.ControlPlane.HealthPort;

    /// <summary>Whether the port of the probes also serves the status pages.</summary>
    public bool StatusPages { get; init; }

    /// <summary>The scheme of the modules' Leases.</summary>
    public LeaseScheme Leases { get; init; }

    /// <summary>How long to keep serving after SIGTERM; null for 15 s in a pod and zero elsewhere.</summary>
    public TimeSpan? DrainDelay { get; init; }

    /// <summary>Whether metrics require authorization by the cluster.</summary>
    public bool MetricsAuth { get; init; } = true;

    /// <summary>The settings as they were read, for display.</summary>
    public IReadOnlyList<ProcessSetting> Settings { get; init; } = [];
}
