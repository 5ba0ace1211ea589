using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Gateway.Readiness;

namespace Serving.Networking.Gateway;

/// <summary>
/// Writes to the status of each Ingress whether the gateways route it. Only the leader writes, because readiness concerns all replicas: it
/// queries the gateway in its own process directly, and probes the others, found through the Service of the cluster-local listener.
/// </summary>
public sealed class GatewayStatusModule : IServingModule
{
    private readonly GatewayOptions _options;
    private readonly ClusterEnvironment _environment;
    private readonly ILogger _logger;
    private readonly IEventRecorder _events;
    private readonly TimeProvider _time;
    private readonly GatewayModule? _local;
    private readonly IInformer<Ingress> _ingresses;
    private readonly IInformer<Endpoints> _endpoints;
    private volatile ReconcileLoop? _loop;

    /// <param name="options">The same options as those of the gateways.</param>
    /// <param name="environment">Provides the cluster's domain, the system namespace and the address of this process.</param>
    /// <param name="informers">Provides the caches of Ingresses and Endpoints.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock of conditions.</param>
    /// <param name="local">The gateway in this process; null if there is none.</param>
    public GatewayStatusModule(
        GatewayOptions options,
        ClusterEnvironment environment,
        IInformers informers,
        ILoggerFactory loggers,
        IEventRecorder events,
        TimeProvider time,
        GatewayModule? local = null
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        _options = options;
        _environment = environment;
        _events = events;
        _time = time;
        _local = local;
        _logger = loggers.CreateLogger<GatewayStatusModule>();
        _ingresses = informers.For(Resources.Ingresses);
        _endpoints = informers.For(Resources.Endpoints);
    }

    /// <inheritdoc/>
    public string Name => "gateway-status";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => _loop?.StuckReason;

    private bool RequiresProxyProtocol() => _options.Listeners.Current.ClusterLocal.ProxyProtocol == ProxyProtocolMode.Required;

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        using var probe = new ReplicaProbe(RequiresProxyProtocol, _logger);
        var replicas = new Replicas(_options, _environment, _endpoints, _local, probe, _time);
        var reconciler = new IngressStatusReconciler(_options, _environment, _ingresses, replicas, _events, _time);
        var working = new ReconcileLoop(reconciler, _logger, _time)
            .For(_ingresses)
            .Watches(_endpoints, changed => replicas.AreListedIn(changed) ? reconciler.NotReady() : []);
        _loop = working;

        void AskAgain(IReadOnlyCollection<ObjectKey> changed)
        {
            foreach (var key in changed.Where(reconciler.IsNotReady))
            {
                working.Enqueue(key);
            }
        }

        if (_local is not null)
        {
            _local.TableChanged += AskAgain;
        }

        try
        {
            await working.RunAsync(client, cancellation);
        }
        finally
        {
            _loop = null;
            if (_local is not null)
            {
                _local.TableChanged -= AskAgain;
            }
        }
    }
}
