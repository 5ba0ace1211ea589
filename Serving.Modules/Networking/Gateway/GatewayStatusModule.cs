using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Readiness;

namespace Serving.Networking.Gateway;

/// <summary>
/// Writes to the status of each Ingress whether the gateways route it. Only the leader writes, because readiness concerns all replicas: it
/// queries the gateway in its own process directly, and probes the others, found through the Service of the cluster-local listener.
/// </summary>
public sealed class GatewayStatusModule : IServingModule
{
    private readonly GatewayOptions options;
    private readonly ClusterEnvironment environment;
    private readonly ILogger logger;
    private readonly IEventRecorder events;
    private readonly TimeProvider time;
    private readonly GatewayModule? local;
    private readonly IInformer<Ingress> ingresses;
    private readonly IInformer<Endpoints> endpoints;
    private volatile ReconcileLoop? loop;

    /// <param name="options">The same options as those of the gateways.</param>
    /// <param name="environment">Provides the cluster's domain, the system namespace and the address of this process.</param>
    /// <param name="informers">Provides the caches of Ingresses and Endpoints.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock of conditions.</param>
    /// <param name="local">The gateway in this process; null if there is none.</param>
    public GatewayStatusModule(
        GatewayOptions options, ClusterEnvironment environment, IInformers informers, ILoggerFactory loggers, IEventRecorder events, TimeProvider time, GatewayModule? local = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        this.options = options;
        this.environment = environment;
        this.events = events;
        this.time = time;
        this.local = local;
        logger = loggers.CreateLogger<GatewayStatusModule>();
        ingresses = informers.For(Resources.Ingresses);
        endpoints = informers.For(Resources.Endpoints);
    }

    /// <inheritdoc/>
    public string Name => "gateway-status";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => loop?.StuckReason;

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        using var probe = new ReplicaProbe(logger);
        var replicas = new Replicas(options, environment, endpoints, local, probe, time);
        var reconciler = new IngressStatusReconciler(options, environment, ingresses, replicas, events, time);
        var working = new ReconcileLoop(reconciler, logger, time)
            .For(ingresses)
            .Watches(endpoints, changed => replicas.AreListedIn(changed) ? reconciler.NotReady() : []);
        loop = working;

        void AskAgain()
        {
            foreach (var key in reconciler.NotReady())
            {
                working.Enqueue(key);
            }
        }

        if (local is not null)
        {
            local.TableChanged += AskAgain;
        }

        try
        {
            await working.RunAsync(client, cancellation).ConfigureAwait(false);
        }
        finally
        {
            loop = null;
            if (local is not null)
            {
                local.TableChanged -= AskAgain;
            }
        }
    }
}
