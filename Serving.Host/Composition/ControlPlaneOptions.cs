using System.Net;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Composition;

/// <summary>Which modules run and where they listen.</summary>
/// <param name="Modules">Names from <see cref="ControlPlane.AllModules"/>.</param>
/// <param name="Gateway">The gateway's listeners.</param>
/// <param name="Webhook">The webhook's listener.</param>
/// <param name="Activator">The activator's listeners.</param>
/// <param name="Autoscaler">The autoscaler's statistics listener.</param>
/// <param name="ResolveDigests">Whether image tags are resolved at their registry; not on a cluster whose images are only names.</param>
/// <param name="Host">Time-outs and drain; Leases are read at the start.</param>
/// <param name="SharesAutoscaler">Whether the autoscaler is divided into as many parts as config-leader-election has buckets; else it is
/// one whole.</param>
/// <param name="LeasesRegistration">Whether the webhook writes its certificate and configurations only under Leases, because another
/// implementation writes them too.</param>
/// <param name="GuardsMetrics">Whether metrics are only for whom the cluster allows to read them, over TLS; else for everybody.</param>
internal sealed record ControlPlaneOptions(
    IReadOnlyList<string> Modules,
    GatewayOptions Gateway,
    WebhookOptions Webhook,
    ActivatorOptions Activator,
    AutoscalerOptions Autoscaler,
    bool ResolveDigests,
    ModuleHostOptions Host,
    bool SharesAutoscaler = false,
    bool LeasesRegistration = false,
    bool GuardsMetrics = false
)
{
    /// <summary>Reads under which Leases the process works, and reports what it waits for; null to work without Leases.</summary>
    public Func<Action<string>, CancellationToken, Task<ElectionSettings>>? Election { get; init; }

    /// <summary>Where probes are served.</summary>
    public required IPEndPoint Health { get; init; }

    /// <summary>How long a stop may take in all; null for as long as it needs.</summary>
    public TimeSpan? GracePeriod { get; init; }
}
