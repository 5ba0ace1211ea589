using System.Net;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.StatusPages.Sources;
using Serving.Webhook;

namespace Serving.Host.Composition;

/// <summary>Which modules run and where they listen.</summary>
/// <param name="Modules">Names from <see cref="ControlPlane.AllModules"/>.</param>
/// <param name="Gateway">The gateway's listeners.</param>
/// <param name="Webhook">The webhook's listener.</param>
/// <param name="Activator">The activator's listeners.</param>
/// <param name="Autoscaler">The autoscaler's statistics listener.</param>
/// <param name="ResolveDigests">Whether image tags are resolved at their registry; not on a cluster whose images are mere names.</param>
/// <param name="Host">Timeouts and drain; Leases are read at the start.</param>
/// <param name="SharesAutoscaler">Whether the autoscaler has as many shards as config-leader-election has buckets; otherwise it has
/// one.</param>
/// <param name="LeasesRegistration">Whether the webhook writes its certificate and configurations only under Leases, because another
/// implementation writes them too.</param>
/// <param name="GuardsMetrics">Whether metrics use TLS and require authorization by the cluster; otherwise everybody may read them.</param>
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
    /// <summary>Reads the Lease settings and reports what it waits for; null to run without Leases.</summary>
    public Func<Action<string>, CancellationToken, Task<ElectionSettings>>? Election { get; init; }

    /// <summary>Whether the port of the probes also serves the status pages.</summary>
    public bool StatusPages { get; init; }

    /// <summary>The settings of the process, for display.</summary>
    public IReadOnlyList<ProcessSetting> Settings { get; init; } = [];

    /// <summary>The address of the probes.</summary>
    public required IPEndPoint Health { get; init; }

    /// <summary>The limit of the whole shutdown; null for no limit.</summary>
    public TimeSpan? GracePeriod { get; init; }
}
