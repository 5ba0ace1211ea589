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
/// checks that the cluster has the layer's kinds and that it may list them; while not, a condition and an event of each Ingress say so.
/// Only then it requests their informers, which stay for the rest of the process. While another controller of the class is active, the
/// module stands by.
/// </summary>
public abstract partial class NetworkLayerModule : IServingModule
{
    /// <summary>How often a layer that is used looks for another controller of its class.</summary>
    public static readonly TimeSpan StandbyInterval = TimeSpan.FromSeconds(10);

    /// <summary>How often a layer that cannot work is checked again.</summary>
    public static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(30);

    private readonly NetworkLayer _layer;
    private readonly ILogger _logger;
    private readonly IInformer<Ingress> _ingresses;
    private volatile IReadOnlyList<ReconcileLoop> _loops = [];

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
    public string? StuckReason => _loops.Select(static loop => loop.StuckReason).FirstOrDefault(static reason => reason is not null);

    /// <summary>What the layer gets from the process.</summary>
    protected LayerContext Context { get; }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            await new LayerSelection(_layer, _ingresses, Context.Config).WaitAsync(cancellation);
            var others = new OtherControllers(_layer, Context.Environment.SystemNamespace, Context.Time);
            while (!cancellation.IsCancellationRequested)
            {
                await WaitForOthersAsync(others, areActive: false, client, cancellation);
                await ActAsync(others, client, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The module stops.
        }
        finally
        {
            _loops = [];
        }
    }

    /// <summary>Makes the reconciler of the layer, at the start of a term. Here the informers of its kinds are requested.</summary>
    /// <param name="ingresses">The cache of Ingresses.</param>
    /// <param name="prober">Probes the data plane.</param>
    protected abstract LayerReconciler MakeReconciler(ILister<Ingress> ingresses, StatusProber prober);

    /// <summary>Adds what the reconciler watches besides Ingresses.</summary>
    protected abstract void Watch(ReconcileLoop loop, LayerReconciler reconciler);

    /// <summary>Adds loops of the layer besides that of Ingresses; none by default.</summary>
    protected virtual IReadOnlyList<LayerLoop> MoreLoops() => [];

    /// <summary>Whether a change of the configuration concerns all Ingresses of the class.</summary>
    protected abstract bool Concerns(ConfigSnapshot old, ConfigSnapshot current);

    /// <summary>Does the work of the layer until another controller does it.</summary>
    private async Task ActAsync(OtherControllers others, IKubernetesClient client, CancellationToken cancellation)
    {
        using var acting = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var working = WorkAsync(client, acting.Token);
        try
        {
            var standby = _layer.Controllers.Count > 0 ? WaitForOthersAsync(others, areActive: true, client, acting.Token) : working;
            await await Task.WhenAny(working, standby);
        }
        finally
        {
            await acting.CancelAsync();
            await working;
            _loops = [];
        }
    }

    private async Task WorkAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            await WaitUntilAvailableAsync(client, cancellation);
            await ReconcileAsync(client, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The module stops or stands by.
        }
    }

    /// <summary>Completes when another controller is active, or when none is.</summary>
    private async Task WaitForOthersAsync(OtherControllers others, bool areActive, IKubernetesClient client, CancellationToken cancellation)
    {
        string? said = null;
        while (true)
        {
            try
            {
                var lease = await others.FindLeaseAsync(client, cancellation);
                if (lease is not null == areActive)
                {
                    return;
                }

                if (lease is not null && lease != said)
                {
                    LogStandsBy(_logger, _layer.IngressClass, said = lease);
                }
            }
            catch (KubernetesException failure)
            {
                LogUndiscovered(_logger, _layer.Product, failure.Message);
            }

            await Task.Delay(StandbyInterval, Context.Time, cancellation);
        }
    }

    private async Task ReconcileAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ReconcileLoop? loop = null;
        using var prober = new StatusProber(_layer.Name, Context.Probe, key => loop?.Enqueue(key), _logger, Context.Time);
        var reconciler = MakeReconciler(_ingresses.Lister, prober);
        loop = new ReconcileLoop(reconciler, _logger, Context.Time).For(_ingresses);
        Watch(loop, reconciler);
        IReadOnlyList<LayerLoop> loops = [new LayerLoop(loop, reconciler.Served, Concerns), .. MoreLoops()];
        _loops = [.. loops.Select(static one => one.Loop)];
        void OnConfig(ConfigSnapshot old, ConfigSnapshot current)
        {
            foreach (var one in loops)
            {
                one.Resync(old, current);
            }
        }

        Context.Config.Changed += OnConfig;
        try
        {
            await Task.WhenAll([prober.RunAsync(cancellation), .. loops.Select(one => one.Loop.RunAsync(client, cancellation))]);
        }
        finally
        {
            Context.Config.Changed -= OnConfig;
        }
    }

    /// <summary>Completes when the layer can work; until then its Ingresses say why it cannot.</summary>
    private async Task WaitUntilAvailableAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        var availability = new LayerAvailability(_layer, Context.Discovery);
        while (await FindProblemAsync(availability, client, cancellation) is { } problem)
        {
            LogUnavailable(_logger, _layer.IngressClass, problem);
            using var changed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var reconciler = new UnavailableReconciler(_layer, problem, _ingresses.Lister, Context.Events, Context.Time);
            var loop = new ReconcileLoop(reconciler, _logger, Context.Time, workers: 1).For(_ingresses);
            _loops = [loop];
            var reporting = loop.RunAsync(client, changed.Token);
            try
            {
                do
                {
                    await Task.Delay(CheckInterval, Context.Time, cancellation);
                } while (await FindProblemAsync(availability, client, cancellation) == problem);
            }
            finally
            {
                await changed.CancelAsync();
                await reporting;
            }
        }
    }

    private async Task<string?> FindProblemAsync(LayerAvailability availability, IKubernetesClient client, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await availability.FindProblemAsync(client, cancellation);
            }
            catch (KubernetesException failure)
            {
                LogUndiscovered(_logger, _layer.Product, failure.Message);
                await Task.Delay(CheckInterval, Context.Time, cancellation);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Ingresses of class {IngressClass} are not served: {Problem}")]
    private static partial void LogUnavailable(ILogger logger, string ingressClass, string problem);

    [LoggerMessage(
        3,
        LogLevel.Information,
        "Another controller serves Ingresses of class {IngressClass}, as it holds Lease {Lease}; standing by"
    )]
    private static partial void LogStandsBy(ILogger logger, string ingressClass, string lease);

    [LoggerMessage(2, LogLevel.Warning, "Whether the cluster has {Product} cannot be found out, trying again: {Reason}")]
    private static partial void LogUndiscovered(ILogger logger, string product, string reason);
}
