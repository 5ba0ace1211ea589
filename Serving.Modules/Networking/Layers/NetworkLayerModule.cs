using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Layers;

/// <summary>
/// The module of a network layer. A layer that a cluster does not use costs nothing: until config-network's <c>ingress-class</c> names its
/// class, or an Ingress has it, the module only listens to the caches of Ingresses and ConfigMaps, which the process has anyway. Then it
/// asks for the layer's kinds; while the cluster lacks one, a condition and an event of each Ingress say so. Only with all kinds it requests
/// their informers, which stay for the rest of the process.
/// </summary>
public abstract partial class NetworkLayerModule : IServingModule
{
    /// <summary>How often a cluster is asked for kinds that it lacks.</summary>
    public static readonly TimeSpan DiscoveryInterval = TimeSpan.FromSeconds(30);

    private readonly NetworkLayer _layer;
    private readonly ILogger _logger;
    private readonly IInformer<Ingress> _ingresses;
    private volatile ReconcileLoop? _loop;

    /// <param name="layer">What identifies the layer.</param>
    /// <param name="context">What it gets from the process.</param>
    protected NetworkLayerModule(NetworkLayer layer, LayerContext context)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(context);
        (_layer, Context) = (layer, context);
        _logger = context.Loggers.CreateLogger(GetType());
        _ingresses = context.Informers.For(Resources.Ingresses);
    }

    /// <inheritdoc/>
    public string Name => _layer.Name;

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => _loop?.StuckReason;

    /// <summary>What the layer gets from the process.</summary>
    protected LayerContext Context { get; }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            await new LayerSelection(_layer, _ingresses, Context.Config).WaitAsync(cancellation);
            await WaitForKindsAsync(client, cancellation);
            await ReconcileAsync(client, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The module stops.
        }
        finally
        {
            _loop = null;
        }
    }

    /// <summary>Makes the reconciler of the layer, at the start of a term. Here the informers of its kinds are requested.</summary>
    /// <param name="ingresses">The cache of Ingresses.</param>
    /// <param name="prober">Probes the data plane.</param>
    protected abstract LayerReconciler MakeReconciler(ILister<Ingress> ingresses, StatusProber prober);

    /// <summary>Adds what the reconciler watches besides Ingresses.</summary>
    protected abstract void Watch(ReconcileLoop loop, LayerReconciler reconciler);

    /// <summary>Adds loops of the layer besides that of Ingresses; none by default.</summary>
    protected virtual IEnumerable<ReconcileLoop> MoreLoops() => [];

    /// <summary>Whether a change of the configuration concerns all Ingresses of the class.</summary>
    protected abstract bool Concerns(ConfigSnapshot old, ConfigSnapshot current);

    private async Task ReconcileAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ReconcileLoop? loop = null;
        using var prober = new StatusProber(_layer.Name, Context.Probe, key => loop?.Enqueue(key), _logger, Context.Time);
        var reconciler = MakeReconciler(_ingresses.Lister, prober);
        loop = new ReconcileLoop(reconciler, _logger, Context.Time).For(_ingresses);
        Watch(loop, reconciler);
        _loop = loop;
        void OnConfig(ConfigSnapshot old, ConfigSnapshot current)
        {
            if (Concerns(old, current))
            {
                foreach (var key in reconciler.Served())
                {
                    loop.Enqueue(key);
                }
            }
        }

        Context.Config.Changed += OnConfig;
        try
        {
            await Task.WhenAll(
                [
                    loop.RunAsync(client, cancellation),
                    prober.RunAsync(cancellation),
                    .. MoreLoops().Select(more => more.RunAsync(client, cancellation)),
                ]
            );
        }
        finally
        {
            Context.Config.Changed -= OnConfig;
        }
    }

    /// <summary>Completes when the cluster has all kinds of the layer; until then the Ingresses say which it lacks.</summary>
    private async Task WaitForKindsAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        IReadOnlyList<ResourceType> missing;
        while ((missing = await FindMissingAsync(cancellation)).Count > 0)
        {
            LogMissing(_logger, _layer.Product, string.Join(", ", missing.Select(static kind => kind.Kind)), _layer.IngressClass);
            using var changed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var reconciler = new MissingKindsReconciler(_layer, missing, _ingresses.Lister, Context.Events, Context.Time);
            var loop = new ReconcileLoop(reconciler, _logger, Context.Time, workers: 1).For(_ingresses);
            _loop = loop;
            var reporting = loop.RunAsync(client, changed.Token);
            try
            {
                do
                {
                    await Task.Delay(DiscoveryInterval, Context.Time, cancellation);
                } while ((await FindMissingAsync(cancellation)).SequenceEqual(missing));
            }
            finally
            {
                await changed.CancelAsync();
                await reporting;
            }
        }
    }

    private async Task<IReadOnlyList<ResourceType>> FindMissingAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var missing = new List<ResourceType>();
                foreach (var kind in _layer.Kinds)
                {
                    if (await Context.Discovery.FindAsync(kind.ApiVersion, kind.Kind, cancellation) is null)
                    {
                        missing.Add(kind);
                    }
                }

                return missing;
            }
            catch (KubernetesException failure)
            {
                LogUndiscovered(_logger, _layer.Product, failure.Message);
                await Task.Delay(DiscoveryInterval, Context.Time, cancellation);
            }
        }
    }

    [LoggerMessage(
        1,
        LogLevel.Warning,
        "The cluster has no {Kinds} of {Product}; Ingresses of class {IngressClass} are not served until it is installed"
    )]
    private static partial void LogMissing(ILogger logger, string product, string kinds, string ingressClass);

    [LoggerMessage(2, LogLevel.Warning, "The kinds of {Product} cannot be discovered, trying again: {Reason}")]
    private static partial void LogUndiscovered(ILogger logger, string product, string reason);
}
