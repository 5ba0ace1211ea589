using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Scaling;
using Serving.ConfigMaps;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>
/// Scales the revisions of one shard by their requests. Two events take effect at once: <see cref="Report"/> decides on the caller's thread
/// when a revision is at zero, and a pod that becomes ready triggers the reconcile of its revision. Invariant: stats belong to one term; the
/// next one starts without them.
/// </summary>
internal sealed class AutoscalerShard : IServingModule
{
    private readonly Shard shard;
    private readonly ConfigStore config;
    private readonly AutoscalerInformers informers;
    private readonly MetricCollector collector;
    private readonly ReconcileLoop autoscalerLoop;
    private readonly ReconcileLoop metricLoop;
    private readonly ReconcileLoop hpaLoop;
    private volatile bool isLeading;

    /// <param name="shard">Selects the revisions.</param>
    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="scraper">Scrapes pods.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="logger">The logger.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    public AutoscalerShard(Shard shard, AutoscalerInformers informers, ConfigStore config, PodScraper scraper, IEventRecorder events, ILogger logger, TimeProvider time)
    {
        this.shard = shard;
        this.config = config;
        this.informers = informers;
        var pods = informers.Pods.Lister;
        collector = new MetricCollector(scraper, time, logger);
        Deciders = new Deciders(collector, key => RevisionPods.Count(pods, key.Namespace, key.Name).Ready, time, logger);

        ConfigSnapshot Current() => config.Current;
        var probe = new ActivatorProbe(informers.Endpoints.Lister, () => config.Current.Network, logger);
        autoscalerLoop = new ReconcileLoop(new PodAutoscalerReconciler(informers, Current, Deciders, probe, Board, events, time), logger, time)
            .Within(shard)
            .For(informers.PodAutoscalers)
            .Owns(informers.ServerlessServices, "PodAutoscaler")
            .Owns(informers.Metrics, "PodAutoscaler")
            .Watches(informers.Pods, RevisionOf);
        metricLoop = new ReconcileLoop(new MetricReconciler(informers.Metrics, collector, events, time), logger, time, workers: 1)
            .Within(shard)
            .For(informers.Metrics);
        hpaLoop = new ReconcileLoop(new HpaReconciler(informers, Current, events, time), logger, time, workers: 1)
            .Within(shard)
            .For(informers.PodAutoscalers)
            .Owns(informers.ServerlessServices, "PodAutoscaler")
            .Owns(informers.HorizontalPodAutoscalers, "PodAutoscaler");
        Deciders.Changed += autoscalerLoop.Enqueue;
        collector.Changed += metricLoop.Enqueue;
    }

    /// <inheritdoc/>
    public string Name => shard.Count == 1 ? "autoscaler" : $"autoscaler {shard}";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <summary>The deciders, for metrics.</summary>
    public Deciders Deciders { get; }

    /// <summary>The pods of its revisions, for metrics.</summary>
    public PodCountBoard Board { get; } = new();

    /// <inheritdoc/>
    public string? StuckReason => autoscalerLoop.StuckReason ?? metricLoop.StuckReason ?? hpaLoop.StuckReason ?? Deciders.StuckReason ?? collector.StuckReason;

    /// <summary>Whether this process leads the shard; while it does not, stats belong to the process that does.</summary>
    public bool IsLeading => isLeading;

    /// <summary>
    /// Records a stat from an activator. If the revision is at zero and a request is waiting, the decision is made before this returns and the
    /// PodAutoscaler is queued. Never blocks on I/O.
    /// </summary>
    public void Report(ObjectKey key, in Stat stat)
    {
        collector.Record(key, stat);
        Deciders.Poke(key, stat);
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var readiness = informers.Pods.AddHandler(OnPod);
        config.Changed += OnConfig;
        isLeading = true;
        try
        {
            Task[] parts =
            [
                autoscalerLoop.RunAsync(client, ending.Token), metricLoop.RunAsync(client, ending.Token), hpaLoop.RunAsync(client, ending.Token),
                collector.RunAsync(ending.Token), Deciders.RunAsync(ending.Token),
            ];

            // A failing component stops the others, so that the module is restarted as a whole.
            await Task.WhenAny(parts).ConfigureAwait(false);
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(parts).ConfigureAwait(false);
        }
        finally
        {
            isLeading = false;
            config.Changed -= OnConfig;

            // The stats belong to this term; another process may lead the next one.
            Deciders.Clear();
            collector.Clear();
            Board.Clear();
        }
    }

    private static IEnumerable<ObjectKey> RevisionOf(Pod pod)
        => pod.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision) ? [new ObjectKey(pod.Metadata.Namespace, revision)] : [];

    /// <summary>A change in the number of ready pods changes the burst capacity, so activators may be able to leave the path at once.</summary>
    private void OnPod(Change<Pod> change)
    {
        var before = change.Old is { } old && RevisionPods.IsServing(old);
        var after = change.New is { } newer && RevisionPods.IsServing(newer);
        if (before == after) return;
        foreach (var key in RevisionOf(change.Object)) Deciders.Evaluate(key);
    }

    private void OnConfig(ConfigSnapshot old, ConfigSnapshot newer)
    {
        if (old.Autoscaler == newer.Autoscaler && old.Deployment.ProgressDeadline == newer.Deployment.ProgressDeadline) return;
        foreach (var autoscaler in informers.PodAutoscalers.Lister.List())
        {
            autoscalerLoop.Enqueue(ObjectKey.Of(autoscaler));
            hpaLoop.Enqueue(ObjectKey.Of(autoscaler));
        }
    }
}
