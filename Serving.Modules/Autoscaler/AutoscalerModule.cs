using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Scaling;
using Serving.Autoscaler.Statistics;
using Serving.ConfigMaps;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>
/// Scales revisions with the requests they get. Requests wake it twice: <see cref="Report"/> decides in the caller's thread
/// when a revision is at zero, and a pod that becomes ready brings its revision's reconcile forward.
/// </summary>
public sealed class AutoscalerModule : IServingModule, IDisposable
{
    private readonly AutoscalerOptions options;
    private readonly ConfigStore config;
    private readonly ILoggerFactory logging;
    private readonly AutoscalerInformers informers;
    private readonly PodScraper scraper;
    private readonly MetricCollector collector;
    private readonly Deciders deciders;
    private readonly PodCountBoard board = new();
    private readonly AutoscalerMetrics metrics;
    private readonly ReconcileLoop autoscalerLoop;
    private readonly ReconcileLoop metricLoop;
    private readonly ReconcileLoop hpaLoop;
    private volatile bool isLeading;

    /// <param name="options">Where it listens for statistics.</param>
    /// <param name="informers">What the cluster has.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="logging">Where it logs to.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    public AutoscalerModule(AutoscalerOptions options, IInformers informers, ConfigStore config, ILoggerFactory logging, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(logging);
        this.options = options;
        this.config = config;
        this.logging = logging;
        this.informers = new AutoscalerInformers(informers);
        var logger = logging.CreateLogger<AutoscalerModule>();
        var pods = this.informers.Pods.Lister;
        scraper = new PodScraper(pods, time);
        collector = new MetricCollector(scraper, time, logger);
        deciders = new Deciders(collector, key => RevisionPods.Count(pods, key.Namespace, key.Name).Ready, time, logger);
        metrics = new AutoscalerMetrics(deciders, board);

        ConfigSnapshot Current() => config.Current;
        var probe = new ActivatorProbe(this.informers.Endpoints.Lister, logger);
        autoscalerLoop = new ReconcileLoop(new PodAutoscalerReconciler(this.informers, Current, deciders, probe, board, time), logger, time)
            .For(this.informers.PodAutoscalers)
            .Owns(this.informers.ServerlessServices, "PodAutoscaler")
            .Owns(this.informers.Metrics, "PodAutoscaler")
            .Watches(this.informers.Pods, RevisionOf);
        metricLoop = new ReconcileLoop(new MetricReconciler(this.informers.Metrics, collector, time), logger, time, workers: 1)
            .For(this.informers.Metrics);
        hpaLoop = new ReconcileLoop(new HpaReconciler(this.informers, Current, time), logger, time, workers: 1)
            .For(this.informers.PodAutoscalers)
            .Owns(this.informers.ServerlessServices, "PodAutoscaler")
            .Owns(this.informers.HorizontalPodAutoscalers, "PodAutoscaler");
        deciders.Changed += autoscalerLoop.Enqueue;
        collector.Changed += metricLoop.Enqueue;
    }

    /// <inheritdoc/>
    public string Name => "autoscaler";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => autoscalerLoop.StuckReason ?? metricLoop.StuckReason ?? hpaLoop.StuckReason ?? deciders.StuckReason ?? collector.StuckReason;

    /// <summary>Whether this process decides; while it does not, measurements belong to the one that does (<see cref="StatForwarder"/>).</summary>
    public bool IsLeading => isLeading;

    /// <summary>
    /// Takes a measurement of an activator in this process. When the revision is at zero and a request waits, the decision is made
    /// before this returns and its PodAutoscaler is queued. Never blocks on I/O; does nothing while another process leads.
    /// </summary>
    /// <param name="ns">The revision's namespace.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="stat">What was measured.</param>
    public void Report(string ns, string revision, in Stat stat)
    {
        var key = new ObjectKey(ns, revision);
        collector.Record(key, stat);
        deciders.Poke(key, stat);
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var server = await StatisticsServer.StartAsync(
            options, message => Report(message.Namespace, message.Name, message.Stat), logging, cancellation).ConfigureAwait(false);
        using var readiness = informers.Pods.AddHandler(OnPod);
        config.Changed += OnConfig;
        isLeading = true;
        try
        {
            Task[] parts =
            [
                autoscalerLoop.RunAsync(client, ending.Token), metricLoop.RunAsync(client, ending.Token), hpaLoop.RunAsync(client, ending.Token),
                collector.RunAsync(ending.Token), deciders.RunAsync(ending.Token),
            ];

            // A part that fails takes the others with it, so that the module is started again as a whole.
            await Task.WhenAny(parts).ConfigureAwait(false);
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(parts).ConfigureAwait(false);
        }
        finally
        {
            isLeading = false;
            config.Changed -= OnConfig;

            // What was measured belongs to this term; the next one may be another process's.
            deciders.Clear();
            collector.Clear();
            board.Clear();
        }
    }

    /// <summary>Lets go of connections and metrics.</summary>
    public void Dispose()
    {
        metrics.Dispose();
        scraper.Dispose();
    }

    private static IEnumerable<ObjectKey> RevisionOf(Pod pod)
        => pod.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision) ? [new ObjectKey(pod.Metadata.Namespace, revision)] : [];

    /// <summary>A pod more or less that takes requests changes the burst capacity, so activators may leave the path at once.</summary>
    private void OnPod(Change<Pod> change)
    {
        var before = change.Old is { } old && RevisionPods.IsServing(old);
        var after = change.New is { } newer && RevisionPods.IsServing(newer);
        if (before == after) return;
        foreach (var key in RevisionOf(change.Object)) deciders.Evaluate(key);
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
